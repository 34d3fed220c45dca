import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { Config } from '../config.ts';
import { connectionSettings, type Database, openDatabase } from '../database/pool.ts';
import { refusalOf } from '../database/refusal.ts';
import { hideSecrets } from '../database-url.ts';
import { startEmbedded } from '../embedded-database/index.ts';
import { CommandError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Stopper } from '../stopper.ts';

/** An empty database for one round. */
interface TemporaryDatabase {
  readonly database: Database;
  /** The setting that opens it afterwards, if it is kept: DATABASE_URL=… or WATCHPOST_DATA=…. */
  readonly opens: string;
}

/**
 * Makes an empty database on the server of DATABASE_URL, else an embedded one in a temporary folder. It is dropped when
 * `stopper` stops, unless it is kept.
 *
 * @throws {CommandError} if the server cannot be reached, or does not allow it.
 */
export const provideTemporaryDatabase = async (
  config: Config,
  log: Log,
  stopper: Stopper,
  options: { keep: boolean },
): Promise<TemporaryDatabase> => {
  if (config.databaseUrl === undefined) return embedded(log, stopper, options.keep);
  const server = config.databaseUrl;
  const name = `watchpost_eval_${randomBytes(6).toString('hex')}`;
  await runStatement(server, `create database ${name}`).catch((error) => {
    throw new CommandError(
      `No database can be made on the server of DATABASE_URL. ${refusalOf(error, server).reason}\nUse a user that may, or unset DATABASE_URL to use an embedded one.`,
      { cause: error },
    );
  });
  if (!options.keep) stopper.add(() => runStatement(server, `drop database ${name} with (force)`));
  const url = Object.assign(new URL(server), { pathname: `/${name}` }).toString();
  const database = openDatabase(url, { log });
  stopper.add(() => database.close());
  return { database, opens: `DATABASE_URL=${hideSecrets(url)}` };
};

const embedded = async (log: Log, stopper: Stopper, keep: boolean): Promise<TemporaryDatabase> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'watchpost-eval-'));
  if (!keep) stopper.add(() => rm(dataDir, { recursive: true, force: true }));
  const running = await startEmbedded({ dataDir, fsync: false, brief: true });
  stopper.add(() => running.stop());
  const database = openDatabase(running.url, { log });
  stopper.add(() => database.close());
  return { database, opens: `WATCHPOST_DATA=${dataDir}` };
};

const runStatement = async (url: string, statement: string): Promise<void> => {
  const client = new pg.Client(connectionSettings(url));
  await client.connect();
  await client.query(statement).finally(() => client.end());
};
