import { execFile } from 'node:child_process';
import { appendFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort, type Postgres, startPostgres } from '../support/postgres.ts';
import { TcpProxy } from './proxy.ts';

/** A primary, its streaming replica, and the address that clients know. */
export interface Pair {
  readonly primary: Postgres;
  readonly replica: Postgres;
  /** Leads to the primary until it is moved. */
  readonly address: TcpProxy;
  /** URL of the address. */
  readonly url: string;
  readonly port: number;
  /** The connection over which the replica receives. */
  readonly replication: TcpProxy;
  /** Resolves when the replica has everything that was committed before the call. */
  caughtUp(): Promise<void>;
  end(): Promise<void>;
}

/** The application_name of the replica's receiver, by which a primary waits for it. */
const standbyName = 'replica';

/**
 * Makes a primary and a replica of it.
 *
 * A base backup is a copy of the primary's data folder while it is stopped, so that only initdb, pg_ctl and postgres
 * are needed.
 *
 * @param options.synchronous a commit waits until the replica has it on disk.
 * @param options.settings more `name=value` settings of both.
 */
export const startPair = async (options: {
  bin: string | undefined;
  folder: string;
  synchronous: boolean;
  settings?: readonly string[];
}): Promise<Pair> => {
  const { bin, folder, synchronous, settings = [] } = options;
  const primary = await startPostgres({
    bin,
    data: join(folder, 'primary'),
    port: 0,
    settings: [
      ...settings,
      'wal_level=replica',
      'wal_keep_size=512MB',
      ...(synchronous ? [`synchronous_standby_names=${standbyName}`] : []),
    ],
  });
  const replication = new TcpProxy(primary.port);
  const from = await replication.listen();
  const data = join(folder, 'replica');
  await primary.stop();
  await promisify(execFile)('cp', ['-a', join(folder, 'primary'), data]);
  await primary.start();
  await rm(join(data, 'postmaster.pid'), { force: true });
  await writeFile(join(data, 'standby.signal'), '');
  await appendFile(
    join(data, 'postgresql.auto.conf'),
    `primary_conninfo = 'host=127.0.0.1 port=${from} user=postgres application_name=${standbyName}'\n`,
  );
  const replica = await startPostgres({
    bin,
    data,
    port: await freePort(),
    settings: [...settings, 'wal_level=replica'],
  });
  const address = new TcpProxy(primary.port);
  const port = await address.listen();
  return {
    primary,
    replica,
    address,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    port,
    replication,
    caughtUp: () => caughtUp(primary, replica),
    async end() {
      await replica.end();
      await rm(data, { recursive: true, force: true });
      await primary.end();
      await address.close();
      await replication.close();
    },
  };
};

const caughtUp = async (primary: Postgres, replica: Postgres): Promise<void> => {
  const position = await askOnce(primary.url, 'select pg_current_wal_flush_lsn()::text as answer');
  const has = `select coalesce(pg_last_wal_replay_lsn() >= '${position}', false)::text as answer`;
  while ((await askOnce(replica.url, has)) !== 'true')
    await new Promise((resolve) => setTimeout(resolve, 50));
};

/** The one text of a query, over a connection of its own. */
const askOnce = async (url: string, text: string): Promise<string | undefined> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query<{ answer: string }>(text)).rows[0]?.answer;
  } finally {
    await client.end();
  }
};
