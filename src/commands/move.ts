import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidArgumentError } from 'commander';
import pg from 'pg';
import { migrate } from '../database/migrate.ts';
import { findOccupied, type Moved, moveDatabase } from '../database/move.ts';
import { openDatabase } from '../database/pool.ts';
import { hideSecrets, problemOfUrl } from '../database-url.ts';
import { DataDirectoryLocked, startEmbedded } from '../embedded-database/index.ts';
import { CommandError } from '../errors.ts';
import { print } from './program/io.ts';
import { Progress } from './program/progress.ts';
import type { AddCommand, Context } from './program/session.ts';

/** move: the whole installation into another database. */
export const moveCommand: AddCommand = (program, session) =>
  program
    .command('move')
    .description('Copy the whole installation, with all its history, into an empty database on a server')
    .requiredOption(
      '--to <url>',
      'the new database: postgres://user:password@host:5432/database',
      databaseUrl,
    )
    .action(session.action(move));

const databaseUrl = (text: string): string => {
  const problem = problemOfUrl(text);
  if (problem) throw new InvalidArgumentError(`${problem[0]?.toUpperCase()}${problem.slice(1)}.`);
  return text;
};

const move = async (context: Context, { to }: { to: string }): Promise<void> => {
  const { io, config } = context;
  const target = await connectTo(context, to);
  const occupied = await findOccupied(target);
  if (occupied)
    throw new CommandError(
      `The database at ${hideSecrets(to)} is not empty: ${occupied} has rows.\nGive a new one, made with "createdb" for example.`,
    );
  const url = config.databaseUrl ?? (await startSource(context));
  const source = await connectTo(context, url);
  if (config.databaseUrl) await refuseProcesses(source);
  await migrateAt(context, url);
  await migrateAt(context, to);

  let progress: Progress | undefined;
  const moved = await moveDatabase(source, target, {
    copied(bytes, of) {
      progress ??= new Progress(io.stderr, 'MB', megabytes(of));
      progress.reach(megabytes(bytes));
    },
    checking() {
      progress?.end();
      io.stderr.write('making foreign keys and the index over people, and comparing the counts\n');
    },
  });
  print(io, summaryOf(context, to, moved), moved);
};

const megabytes = (bytes: number): number => Math.ceil(bytes / 1e6);

const summaryOf = ({ config }: Context, to: string, { rows, tables, head }: Moved): string => `
${rows} rows of ${tables} tables were moved: the same number on both sides.
${head ? `The chain of seals continues after ${head}.` : 'Nothing was sealed yet.'}

From now on:  DATABASE_URL=${hideSecrets(to)}
Check it:     DATABASE_URL=… npm run watchpost -- verify
API keys stay valid.${config.databaseUrl ? '' : ` Keep ${join(config.dataDir, 'api-key')}, which holds one.`}
The old database is as it was. Do not start it again: what it received would not get into the new one.`;

/** A connection without time limits: a transaction is open on it for as long as everything takes. */
const connectTo = async ({ stopper }: Context, url: string): Promise<pg.Client> => {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'watchpost move',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  });
  // A connection that is lost fails the query that runs.
  client.on('error', () => {});
  await client.connect().catch((error) => {
    throw new CommandError(
      `The database at ${hideSecrets(url)} cannot be used: ${error.message || error.code}.\nCheck that it is there, and the URL.`,
      { cause: error },
    );
  });
  stopper.add(() => client.end());
  return client;
};

const migrateAt = async ({ log }: Context, url: string): Promise<void> => {
  const database = openDatabase(url, { log, max: 2 });
  await migrate(database.pool, log).finally(() => database.close());
};

/** Starts the embedded database for the move alone. Nobody else can be connected to it: only one process has the folder. */
const startSource = async ({ config, log, stopper }: Context): Promise<string> => {
  if (!existsSync(join(config.dataDir, 'database')))
    throw new CommandError(
      `There is nothing to move: DATABASE_URL is not set, and there is no embedded database in ${config.dataDir}.`,
    );
  const embedded = await startEmbedded({
    dataDir: config.dataDir,
    // One transaction reads everything, and is idle while the new database writes.
    idleInTransactionMs: 24 * 3600 * 1000,
    onLog: (line) => log.info(line),
  }).catch((error) => {
    if (!(error instanceof DataDirectoryLocked)) throw error;
    throw new CommandError(`${error.message}.\nStop it first: nothing may be written during a move.`, {
      cause: error,
    });
  });
  stopper.add(() => embedded.stop());
  return embedded.url;
};

/** @throws {CommandError} if the old database has no installation, or processes of Watchpost use it. */
const refuseProcesses = async (source: pg.Client): Promise<void> => {
  const schema = await source.query(`select to_regclass('watchpost.worker') as worker`);
  if (!schema.rows[0].worker)
    throw new CommandError(
      'There is nothing to move: the database of DATABASE_URL has no schema of Watchpost.',
    );
  const { rows } = await source.query<{ host: string; pid: number }>(
    `select w.host, w.pid
     from watchpost.worker as w
     where w.stopped_at is null and w.lost_at is null and w.last_seen > clock_timestamp() - interval '30 seconds'
     order by w.host, w.pid`,
  );
  if (rows.length === 0) return;
  const which = rows.map(({ host, pid }) => `${host} (pid ${pid})`).join(', ');
  throw new CommandError(
    `These processes use the old database: ${which}.\nStop them first: nothing may be written during a move. One that has died is forgotten after 30 s.`,
  );
};
