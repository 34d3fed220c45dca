import { chown, mkdtemp, rm, stat, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PostgreSqlContainer } from '@testcontainers/postgresql';
import pg from 'pg';
import { getContainerRuntimeClient } from 'testcontainers';
import type { TestProject } from 'vitest/node';
import { migrate } from '../../src/database/migrate.ts';
import { openDatabase } from '../../src/database/pool.ts';
import { startEmbedded } from '../../src/embedded-database/index.ts';
import { openLog } from '../../src/log.ts';

/** Where the suite finds databases: a server that makes copies of a template, or a data folder to copy. */
type TestSource =
  | { readonly kind: 'server'; readonly url: string; readonly template: string }
  | { readonly kind: 'embedded'; readonly template: string };

declare module 'vitest' {
  interface ProvidedContext {
    testSource: TestSource;
  }
}

/**
 * Chooses the database of the whole run: DATABASE_URL if it is set, else a container if a Docker engine answers, else
 * the embedded one. Prepares one migrated template, of which every test file gets a copy.
 */
export default async function chooseDatabase(project: TestProject): Promise<() => Promise<void>> {
  const { DATABASE_URL } = process.env;
  if (DATABASE_URL) return useServer(project, DATABASE_URL, 'DATABASE_URL');

  const engine = await getContainerRuntimeClient().catch(() => undefined);
  if (engine) {
    const container = await new PostgreSqlContainer('pgvector/pgvector:0.8.1-pg17').start();
    const release = await useServer(project, container.getConnectionUri(), 'a Docker container');
    return async () => {
      await release();
      await container.stop();
    };
  }
  return useEmbedded(project);
}

const announce = (what: string) => process.stdout.write(`\nDatabase of this run: ${what}\n`);

const useServer = async (project: TestProject, url: string, from: string): Promise<() => Promise<void>> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const template = `watchpost_template_${process.pid}`;
  await client.query(`drop database if exists ${template}`);
  const memory = await makeTablespace(client);
  await client.query(`create database ${template}${memory ? ` tablespace ${memory.name}` : ''}`);
  const { rows } = await client.query<{ version: string }>('select version()');
  await migrateAt(urlOf(url, template));
  announce(`${rows[0]?.version.split(' on ')[0]} from ${from}`);
  project.provide('testSource', { kind: 'server', url, template });
  return async () => {
    await client.query(`drop database if exists ${template}`);
    await memory?.drop();
    await client.end();
  };
};

/** Where Linux keeps files in memory, and the bytes that have to be free there. */
const [memory, memoryNeeded] = ['/dev/shm', 4 * 2 ** 30];

/**
 * A tablespace in memory; undefined if the server is of another machine, or does not let us. The copies of a template are made
 * where it is. A database is some 900 files: to copy and to drop it there takes 45 ms of CPU, and on ext4 130 to 280, because
 * each new file is looked for among all that have just been deleted.
 */
const makeTablespace = async (client: pg.Client) => {
  const free = await statfs(memory).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => 0,
  );
  if (free < memoryNeeded) return undefined;
  const folder = await mkdtemp(join(memory, 'watchpost-test-'));
  const removeFolder = () => rm(folder, { recursive: true, force: true });
  const name = `watchpost_test_${process.pid}`;
  try {
    const { rows } = await client.query<{ path: string }>(`select current_setting('data_directory') as path`);
    const { uid, gid } = await stat(rows[0]!.path);
    await chown(folder, uid, gid);
    await client.query(`create tablespace ${name} location '${folder}'`);
  } catch {
    await removeFolder();
    return undefined;
  }
  const drop = async () => {
    // Also those of files that were killed.
    const { rows } = await client.query<{ datname: string }>(
      `select datname from pg_database as d join pg_tablespace as t on t.oid = d.dattablespace where t.spcname = $1`,
      [name],
    );
    for (const { datname } of rows) await client.query(`drop database if exists ${datname} with (force)`);
    await client.query(`drop tablespace ${name}`);
    await removeFolder();
  };
  return { name, drop };
};

const useEmbedded = async (project: TestProject): Promise<() => Promise<void>> => {
  const template = await mkdtemp(join(tmpdir(), 'watchpost-template-'));
  const embedded = await startEmbedded({ dataDir: template, brief: true });
  await migrateAt(embedded.url);
  await embedded.stop();
  announce('the embedded one; tests that need a server are skipped. Set DATABASE_URL to run them.');
  project.provide('testSource', { kind: 'embedded', template });
  return () => rm(template, { recursive: true, force: true });
};

const migrateAt = async (url: string): Promise<void> => {
  const log = openLog('silent');
  const database = openDatabase(url, { log });
  await migrate(database.pool, log);
  await database.close();
};

/** The same server, another database. */
export const urlOf = (url: string, database: string): string => {
  const other = new URL(url);
  other.pathname = `/${database}`;
  return other.toString();
};
