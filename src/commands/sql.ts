import { readFile } from 'node:fs/promises';
import { InvalidArgumentError, Option } from 'commander';
import pg from 'pg';
import { toWatchpostError } from '../convert-error.ts';
import { CommandError, type ProblemCode } from '../errors.ts';
import { whyUnusableFile } from '../file-errors.ts';
import { connect } from './program/connect.ts';
import { describeRefusal } from './program/explain.ts';
import type { Io } from './program/io.ts';
import type { AddCommand } from './program/session.ts';
import { printCsv, printJsonRows, printTables } from './program/sql-results.ts';
import { fillVariables } from './program/sql-variables.ts';

interface SqlOptions {
  readonly file?: string;
  readonly variable: Record<string, string>;
  readonly json?: boolean;
  readonly csv?: boolean;
}

/** sql: for machines without psql. */
export const sqlCommand: AddCommand = (program, session) =>
  program
    .command('sql')
    .description('Run SQL and print its rows; several statements are one transaction')
    .argument('[sql]', 'one or several statements; by default, or for -, they are read from stdin')
    .option('-f, --file <file>', 'read them from a file')
    .option(
      '-v, --variable <name=value>',
      'what stands in it as :\'name\' or, for a name of the database, :"name"; may be repeated',
      variableOption,
      {},
    )
    .option('--json', 'print JSON, a line for each statement that returns rows')
    .addOption(new Option('--csv', 'print CSV with a header').conflicts('json'))
    .addHelpText(
      'after',
      `
Examples:
  $ watchpost sql "select * from watchpost.last_seen"
  $ watchpost sql -f sql/examples/sightings-of-a-person.sql -v person=Ada
  $ watchpost sql --csv < query.sql > answer.csv`,
    )
    // A comment begins like an option.
    .allowUnknownOption()
    .action(
      session.action(async (context, given: string | undefined, options: SqlOptions) => {
        const { io } = context;
        const text = fillVariables(await readSql(io, given, options.file), options.variable);
        const { pool } = await connect(context, { answerWithinMs: 0 });
        const results = await runSql(pool, text);
        if (options.json) printJsonRows(io, results);
        else if (options.csv) printCsv(io, results);
        else printTables(io, results);
      }),
    );

const variableOption = (text: string, before: Record<string, string>): Record<string, string> => {
  const [, name, value = ''] = /^(\w+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError('Give name=value, like person=Ada.');
  return { ...before, [name]: value };
};

const readSql = async (io: Io, given: string | undefined, file: string | undefined): Promise<string> => {
  if (given !== undefined && file !== undefined)
    throw new CommandError('Give either SQL or a file with --file.');
  if (given !== undefined && given !== '-') {
    if (/^-\S*$/.test(given))
      throw new CommandError(`There is no option ${given}; "watchpost sql --help" lists them.`);
    return given;
  }
  const name = file === undefined || file === '-' ? 'stdin' : file;
  if (name === 'stdin' && io.stdin.isTTY)
    throw new CommandError('Give SQL, a file with --file, or SQL on stdin.');
  const bytes = await (name === 'stdin' ? readAll(io.stdin) : readFile(name)).catch((error) => {
    throw new CommandError(`${name} cannot be read: ${whyUnusableFile(error) ?? error.message}.`);
  });
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new CommandError(`${name} is not UTF-8: save it as UTF-8, or convert it with iconv.`);
  }
  if (text.trim() === '') throw new CommandError(`There is no SQL in ${name}.`);
  return text;
};

const readAll = async (stdin: Io['stdin']): Promise<Buffer> => {
  const parts: Buffer[] = [];
  for await (const part of stdin) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
};

/** Types whose values are shown as Postgres writes them: date, timestamp and interval. */
const asWritten = [1082, 1114, 1186];

const types: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    asWritten.includes(oid) ? (text: string) => text : pg.types.getTypeParser(oid, format as 'text'),
};

/** Runs statements in one transaction, unless they begin and end some themselves. */
const runSql = async (pool: pg.Pool, text: string): Promise<pg.QueryArrayResult[]> => {
  try {
    // The driver returns a list of results for several statements, which its types do not know.
    const result: unknown = await pool.query({ text, types, rowMode: 'array' });
    return [result].flat() as pg.QueryArrayResult[];
  } catch (error) {
    if (error instanceof pg.DatabaseError && (await isOfTheStatement(pool, error)))
      throw new CommandError(describeRefusal(error, text), { cause: error });
    throw error;
  }
};

/** Codes that say less about a statement of the user's than the database does. */
const vague: readonly ProblemCode[] = ['internal', 'value_invalid', 'changed_meanwhile'];

/** Whether the database's own words are the best ones. A table that is not there may be misspelt, or all are missing. */
const isOfTheStatement = async (pool: pg.Pool, error: pg.DatabaseError): Promise<boolean> => {
  const { code } = toWatchpostError(error);
  if (code !== 'schema_missing') return vague.includes(code);
  const { rows } = await pool.query(`select to_regclass('watchpost.migration') is not null as there`);
  return rows[0]?.there ?? false;
};
