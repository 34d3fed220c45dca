import type { Config } from '../config.ts';
import { readRunning } from '../database/embedded/lock.ts';
import { startEmbedded } from '../database/embedded/start.ts';
import { type Database, openDatabase } from '../database/pool.ts';
import type { Log } from '../log.ts';
import type { Stopper } from './stop.ts';

/** A command can not do its work; the message says what to do. Shown without a stack. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/**
 * Connects to the database there is: DATABASE_URL, else the embedded one that `up` or `demo` has started here.
 *
 * @throws {CommandError} if there is none.
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
  stopper.add(() => database.close());
  return database;
};

/** Connects to DATABASE_URL, else starts the embedded database, which stops with this process. */
export const provideDatabase = async (
  config: Config,
  log: Log,
  stopper: Stopper,
): Promise<{ database: Database; kind: 'embedded' | 'server' }> => {
  if (config.databaseUrl) return { database: await connect(config, log, stopper), kind: 'server' };
  const embedded = await startEmbedded({
    dataDir: config.dataDir,
    port: config.databasePort,
    onLog: (line) => log.info(line),
  });
  stopper.add(() => embedded.stop());
  const database = openDatabase(embedded.url, { log });
  stopper.add(() => database.close());
  return { database, kind: 'embedded' };
};
