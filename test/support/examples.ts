import { readFileSync } from 'node:fs';
import { fillVariables } from '../../src/commands/program/sql-variables.ts';
import type { TestDatabase } from './database.ts';
import { enrolAda, realVision, runWorker, untilIdle } from './pipeline.ts';

/** Where the examples are. */
export const examplesFolder = new URL('../../sql/examples/', import.meta.url);

/** What the examples ask about, by the name of the variable. */
const values: Record<string, string> = {
  camera: 'north-gate',
  chat: '-100123',
  endpoint: 'control room',
  external_ref: 'case-1234',
  key: 'north-gate frame 4711',
  list: 'missing',
  name: 'gate camera',
  person: 'Ada',
  rate: '0.003',
  reason: 'a stranger who looks like her',
  token: '1:token',
  url: 'https://control-room.example/watchpost',
};

/** Of one example, where it adds somebody. */
const valuesOf: Record<string, Record<string, string>> = {
  'enrol-a-person.sql': { person: 'Grace', list: 'wanted' },
  'enrol-a-seen-face.sql': { person: 'Stranger at the north gate' },
};

/** A value for each variable that an example has. */
export const variablesOf = (name: string, text: string): Record<string, string> =>
  Object.fromEntries(
    Object.entries({ ...values, ...valuesOf[name] }).filter(([variable]) => text.includes(`:'${variable}'`)),
  );

/** Runs one example with those values and gives its rows; `edit` changes its text first. */
// biome-ignore lint/suspicious/noExplicitAny: each test knows what its example answers.
export type RunExample = (name: string, edit?: (text: string) => string) => Promise<any[]>;

/**
 * How to run examples in a database; each gives the rows of its last statement that has some. Call it `run`: by
 * `run('NAME.sql'` test/sql/examples/complete.test.ts knows which examples are tested.
 */
export const examplesIn =
  (database: TestDatabase): RunExample =>
  async (name, edit = (text) => text) => {
    const text = edit(readFileSync(new URL(name, examplesFolder), 'utf8'));
    const result = await database.pool.query(fillVariables(text, variablesOf(name, text)));
    const results = Array.isArray(result) ? result : [result];
    return results.map((one) => one.rows).findLast((rows) => rows.length > 0) ?? [];
  };

/** Puts a photo in place of an example's grey pixels. */
export const withPhoto = (photo: Buffer) => (text: string) =>
  text.replaceAll(/decode\('[^']+', 'base64'\)/g, `decode('${photo.toString('base64')}', 'base64')`);

/** What the examples ask about: a worker, the camera north-gate, and Ada on the list 'missing'; nothing is left to do. */
export const openNorthGate = async (database: TestDatabase): Promise<void> => {
  await runWorker(database, await realVision());
  await database.rows(
    `insert into watchpost.camera (name, location, zone) values ('north-gate', 'North gate', 'outside')`,
  );
  const { watchlistId } = await enrolAda(database);
  await database.rows(`update watchpost.watchlist set name = 'missing' where id = $1`, [watchlistId]);
  await untilIdle(database);
};
