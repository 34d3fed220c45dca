import { readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { migrate } from '../../src/database/migrate.ts';
import { openDatabase } from '../../src/database/pool.ts';
import { openLog } from '../../src/log.ts';
import { startPostgres } from '../support/postgres.ts';

/** What a stretch of work cost the server. */
export interface Cost {
  /** Seconds of CPU of all server processes. */
  readonly cpu: number;
  readonly walBytes: number;
}

/** A Postgres of the bench's own, with fsync on. */
export interface Server {
  readonly version: string;
  /** Whether its shared memory is in huge pages; Postgres says so since version 17. */
  readonly hugePages: boolean;
  /** A new database and its URL; `migrated`: with Watchpost's schema. */
  database(name: string, migrated: boolean): Promise<string>;
  drop(name: string): Promise<void>;
  /** A client of a database, to be ended by the caller. */
  client(url: string): Promise<pg.Client>;
  /** What something costs the server. The write-ahead log is flushed and tables are vacuumed before it begins. */
  cost<T>(url: string, work: () => Promise<T>): Promise<{ result: T; cost: Cost }>;
  urlOf(database: string): string;
  /** Another one, with these settings, in a folder that is kept if one is given. */
  another(options: { keep: string | undefined; settings: readonly string[] }): Promise<Server>;
  end(): Promise<void>;
}

/** Starts it; `bin` is the folder of pg_ctl, else one is looked for. */
export const startBenchServer = async (
  bin: string | undefined,
  options: { keep?: string | undefined; settings?: readonly string[] } = {},
): Promise<Server> => {
  const folder = options.keep ?? join(tmpdir(), `watchpost-bench-${process.pid}-${++started}`);
  const data = join(folder, 'data');
  const postgres = await startPostgres({
    bin,
    data,
    port: 0,
    // As a server of two cores is set up: a checkpoint within a run would hit one side and not the other.
    settings: [
      'shared_buffers=512MB',
      'max_wal_size=8GB',
      'checkpoint_timeout=30min',
      'synchronous_commit=on',
      ...(options.settings ?? []),
    ],
    keep: options.keep !== undefined,
  });
  const urlOf = (name: string) => postgres.url.replace(/postgres$/, name);
  const admin = await openClient(postgres.url);
  const postmaster = Number((await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n')[0]);
  const { rows: versions } = await admin.query<{ version: string; pages: string | null }>(
    `select current_setting('server_version') as version, current_setting('huge_pages_status', true) as pages`,
  );
  return {
    version: versions[0]?.version ?? '',
    hugePages: versions[0]?.pages === 'on',
    client: openClient,
    urlOf,
    another: (more) => startBenchServer(bin, more),
    async database(name, migrated) {
      await admin.query(`create database ${name}`);
      if (migrated) await migrateDatabase(urlOf(name));
      return urlOf(name);
    },
    drop: async (name) => void (await admin.query(`drop database ${name} with (force)`)),
    async cost(url, work) {
      const client = await openClient(url);
      await client.query('vacuum analyze');
      await client.query('checkpoint');
      await client.end();
      const before = { wal: await walBytes(admin), cpu: await cpuOf(postmaster) };
      const result = await work();
      return {
        result,
        cost: { cpu: (await cpuOf(postmaster)) - before.cpu, walBytes: (await walBytes(admin)) - before.wal },
      };
    },
    async end() {
      await admin.end();
      await postgres.end();
      if (!options.keep) await rm(folder, { recursive: true, force: true });
    },
  };
};

const openClient = async (url: string): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
};

const migrateDatabase = async (url: string): Promise<void> => {
  const log = openLog('silent');
  const database = openDatabase(url, { log });
  await migrate(database.pool, log);
  await database.close();
};

/** Bytes that the server has written to its WAL so far. */
const walBytes = async (admin: pg.Client): Promise<number> => {
  const { rows } = await admin.query<{ bytes: string }>(
    `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') as bytes`,
  );
  return Number(rows[0]?.bytes);
};

let started = 0;

/** Clock ticks a second of /proc, the same on every Linux. */
const ticks = 100;

/** CPU seconds of a process, its living children, and those that it has waited for. */
const cpuOf = async (parent: number): Promise<number> => {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(ids.map((id) => readFile(`/proc/${id}/stat`, 'utf8').catch(() => '')));
  let sum = 0;
  for (const stat of stats) {
    if (!stat) continue;
    // The name, in parentheses, may hold spaces: fields are counted after it.
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const id = Number.parseInt(stat, 10);
    const [own, waited] = [fields[11]! + fields[12]!, fields[13]! + fields[14]!];
    if (id === parent) sum += own + waited;
    else if (fields[1] === parent) sum += own;
  }
  return sum / ticks;
};
