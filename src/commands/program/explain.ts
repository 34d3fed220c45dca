import pg from 'pg';
import { ConfigError } from '../../config.ts';
import { toWatchpostError } from '../../convert-error.ts';
import { UnusableServer } from '../../database/unusable-server.ts';
import { CommandError } from '../../errors.ts';
import { whyUnusableFile } from '../../file-errors.ts';
import { VisionError } from '../../vision/errors.ts';

/**
 * The message for the terminal about an error that ended a command: a sentence, what to do, and the code. Only an
 * unexpected error has its stack, for a bug report.
 */
export const explain = (error: unknown): string => {
  if (error instanceof ConfigError || error instanceof CommandError || error instanceof VisionError) {
    return error.message;
  }
  if (error instanceof UnusableServer) return lines(error.message, error.remedy);
  const { code, message, hint } = toWatchpostError(error);
  if (code === 'value_invalid' && error instanceof pg.DatabaseError) {
    return lines(describeValue(error) ?? describeRefusal(error), `(${code})`);
  }
  if (code !== 'internal') return lines(message, hint, `(${code})`);
  if (error instanceof pg.DatabaseError) return describeRefusal(error);
  const why = whyUnusableFile(error);
  if (why) return `${(error as NodeJS.ErrnoException).path ?? 'A file'} cannot be used: ${why}.`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
};

/**
 * Why the database refused a statement, in its own words, with its hint and, as psql does, the place in the statement.
 *
 * @param statement its text, if the user wrote it.
 */
export const describeRefusal = (error: pg.DatabaseError, statement = ''): string => {
  const at = error.position === undefined ? undefined : Number(error.position) - 1;
  return lines(
    `The database refused: ${error.message}`,
    error.detail,
    error.hint,
    at === undefined || statement === '' ? undefined : placeIn(statement, at),
  );
};

/** The line of a text that has the character `at`, and a mark below it. Postgres counts code points. */
const placeIn = (text: string, at: number): string => {
  const before = [...text].slice(0, at).join('');
  const begin = before.lastIndexOf('\n') + 1;
  const [line = ''] = text.slice(begin).split(/\r?\n/);
  const label = `line ${before.split('\n').length}: `;
  // Tabs stay tabs, so that the mark is below its place.
  return `${label}${line}\n${' '.repeat(label.length)}${before.slice(begin).replace(/[^\t]/g, ' ')}^`;
};

/** What a value of a type looks like, by the name that Postgres has for the type. */
const looks: Record<string, string> = {
  uuid: 'an id, like 01890a5d-ac96-774b-bcce-b302099a8057',
  'timestamp with time zone': 'a time, like 2026-11-23T15:04:05Z',
  date: 'a date, like 2026-11-23',
  interval: 'an interval, like "30 days"',
  integer: 'a whole number',
  smallint: 'a small whole number',
  bigint: 'a whole number',
  real: 'a number',
  'double precision': 'a number',
  numeric: 'a number',
  boolean: 'true or false',
  json: 'JSON',
  jsonb: 'JSON',
};

/** A sentence about the value that a type does not take; undefined if the message names none. */
const describeValue = ({ code, message }: pg.DatabaseError): string | undefined => {
  if (code === '22021' || code === '22P05') return 'A text has a character that the database cannot store.';
  const [, type = '', value] = /^invalid input syntax for type ([\w ]+): "(.*)"$/s.exec(message) ?? [];
  if (looks[type]) return `${JSON.stringify(value)} is not ${looks[type]}.`;
  const [, much, of = ''] = /^value "(.*)" is out of range for type ([\w ]+)$/s.exec(message) ?? [];
  if (looks[of])
    return `${JSON.stringify(much)} is too large: give ${looks[of]} within the range of the type ${of}.`;
  const [, when] = /^(?:date\/time|interval) field value out of range: "(.*)"$/s.exec(message) ?? [];
  return when === undefined
    ? undefined
    : `${JSON.stringify(when)} is out of the range of times and intervals.`;
};

const lines = (...parts: (string | undefined)[]): string => parts.filter(Boolean).join('\n');
