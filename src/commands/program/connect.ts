import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, openDatabase } from '../../database/pool.ts';
import { refusalOf } from '../../database/refusal.ts';
import { hideSecrets } from '../../database-url.ts';
import { DataDirectoryLocked, readRunning, startEmbedded } from '../../embedded-database/index.ts';
import { CommandError } from '../../errors.ts';
import type { Context } from './session.ts';

type Settings = Pick<Context, 'config' | 'log' | 'stopper'>;

/**
 * Connects to the database of DATABASE_URL, else to the embedded one that `up` or `demo` runs in the data folder. A
 * command waits for its statements as long as they take: who has called it can stop it, which cancels them.
 *
 * @param options.max connections of the pool.
 * @param options.answerWithinMs as for openDatabase.
 * @param options.writable the server has to take writes, as for a process that serves; a command may read a replica.
 * @throws {CommandError} if there is none, or it cannot be used, with the reason.
 */
export const connect = async (
  { config, log, stopper }: Settings,
  options: { max?: number; writable?: boolean; answerWithinMs?: number } = {},
): Promise<Database> => {
  const url = config.databaseUrl ?? (await readRunning(config.dataDir))?.url;
  if (!url) {
    throw new CommandError(
      `No database: DATABASE_URL is not set, and no embedded database is running in ${config.dataDir}.\nStart one with "npm start" in another terminal, or set DATABASE_URL.`,
    );
  }
  const { writable = false, ...pool } = options;
  const database = openDatabase(url, {
    log,
    ...pool,
    ...(writable ? {} : { answerWithinMs: 0 }),
    server: config.databaseUrl !== undefined,
    readOnly: !writable,
  });
  stopper.add(() => closeSoon(database));
  await database.pool.query('select').catch((error) => {
    const { reason, remedy } = refusalOf(error, url);
    throw new CommandError(`The database at ${hideSecrets(url)} cannot be used. ${reason}\n${remedy}`, {
      cause: error,
    });
  });
  return database;
};

/** Closes a pool. A connection whose statement still waits for a lock is not waited for: it ends with the process. */
const closeSoon = async (database: Database): Promise<void> => {
  await Promise.race([database.close(), sleep(300, undefined, { ref: false })]);
};

/**
 * Connects to DATABASE_URL, else starts the embedded database, which stops with this process.
 *
 * @param options.brief the process ends within seconds.
 */
export const provideDatabase = async (
  context: Settings,
  { brief = false } = {},
): Promise<{ database: Database; kind: 'embedded' | 'server' }> => {
  const { config, log, stopper } = context;
  if (config.databaseUrl) {
    return { database: await connect(context, { writable: true }), kind: 'server' };
  }
  const embedded = await startEmbedded({
    dataDir: config.dataDir,
    port: config.databasePort,
    brief,
    onLog: (line) => log.info(line),
  }).catch((error) => {
    const remedy =
      error instanceof DataDirectoryLocked
        ? 'One more worker for it is "npm run worker"; a second installation needs another WATCHPOST_DATA.'
        : 'Set WATCHPOST_LOG=debug to see more, or DATABASE_URL to use a server instead.';
    throw new CommandError(
      `The embedded database did not start: ${error.message.replace(/\.?$/, '.')}\n${remedy}`,
      { cause: error },
    );
  });
  stopper.add(() => embedded.stop());
  const database = openDatabase(embedded.url, { log });
  stopper.add(() => closeSoon(database));
  return { database, kind: 'embedded' };
};
