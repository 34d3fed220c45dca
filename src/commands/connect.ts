import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config.ts';
import { type Database, openDatabase, withoutPassword } from '../database/pool.ts';
import { DataDirectoryLocked, readRunning, startEmbedded } from '../embedded-database/index.ts';
import { CommandError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Stopper } from './stop.ts';

/**
 * Connects to the database there is: DATABASE_URL, else the embedded one that `up` or `demo` has started here.
 *
 * @throws {CommandError} if there is none, or it lets nobody in, with the reason.
 */
export const connect = async (
  config: Config,
  log: Log,
  stopper: Stopper,
  max?: number,
): Promise<Database> => {
  const url = config.databaseUrl ?? (await readRunning(config.dataDir))?.url;
  if (!url) {
    throw new CommandError(
      `No database: DATABASE_URL is not set, and no embedded database is running in ${config.dataDir}.\nStart one with "npm start" in another terminal, or set DATABASE_URL.`,
    );
  }
  const database = openDatabase(url, { log, ...(max === undefined ? {} : { max }) });
  stopper.add(() => closeSoon(database));
  await database.pool.query('select').catch((error) => {
    const reason = error.message || error.code;
    throw new CommandError(
      `The database at ${withoutPassword(url)} can not be used: ${reason}.\nCheck that it runs, and DATABASE_URL.`,
      { cause: error },
    );
  });
  return database;
};

/** Closes a pool. A connection that is still busy, with a statement that waits for a lock, ends with the process. */
const closeSoon = async (database: Database): Promise<void> => {
  await Promise.race([database.close(), sleep(300, undefined, { ref: false })]);
};

/**
 * Connects to DATABASE_URL, else starts the embedded database, which stops with this process.
 *
 * @param options.brief which is in seconds.
 */
export const provideDatabase = async (
  config: Config,
  log: Log,
  stopper: Stopper,
  { brief = false } = {},
): Promise<{ database: Database; kind: 'embedded' | 'server' }> => {
  if (config.databaseUrl) return { database: await connect(config, log, stopper), kind: 'server' };
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
