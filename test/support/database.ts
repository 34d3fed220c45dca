import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { inject } from 'vitest';
import { type Database, openDatabase } from '../../src/database/pool.ts';
import { startEmbedded } from '../../src/embedded-database/index.ts';
import { openLog } from '../../src/log.ts';
import { atEnd } from './at-end.ts';
import { urlOf } from './choose-database.ts';

/** A test file's own database, migrated, with a way to ask it. */
export interface TestDatabase extends Database {
  readonly kind: 'server' | 'embedded';
  /** Rows of a statement. */
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asks for.
  rows<Row = any>(text: string, values?: unknown[]): Promise<Row[]>;
}

/** Whether this run has a real server; for tests that an embedded database would pass trivially or cannot run. */
export const onServer = inject('testSource').kind === 'server';

/** The reason shown with tests that `skipIf(!onServer)` skips. */
export const needsServer = '(needs a real server: set DATABASE_URL)';

/** A fresh copy of the migrated template, dropped when the test file has ended. */
export const freshDatabase = async (options: { empty?: boolean } = {}): Promise<TestDatabase> => {
  const source = inject('testSource');
  const { url, drop } =
    source.kind === 'server'
      ? await copyOnServer(source.url, options.empty ? undefined : source.template)
      : await copyEmbedded(options.empty ? undefined : source.template);
  const database = openDatabase(url, { log: openLog('silent') });
  atEnd(async () => {
    await database.close();
    await drop();
  });
  return {
    ...database,
    kind: source.kind,
    rows: async (text, values = []) => (await database.pool.query(text, values)).rows,
  };
};

const copyOnServer = async (serverUrl: string, template: string | undefined) => {
  const name = `watchpost_test_${randomBytes(6).toString('hex')}`;
  const ask = async (statement: string) => {
    const client = new pg.Client({ connectionString: serverUrl });
    await client.connect();
    await client.query(statement).finally(() => client.end());
  };
  // Copying the files takes half of the CPU of writing each page into the log.
  await ask(`create database ${name}${template ? ` template ${template} strategy file_copy` : ''}`);
  return { url: urlOf(serverUrl, name), drop: () => ask(`drop database ${name} with (force)`) };
};

const copyEmbedded = async (template: string | undefined) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'watchpost-test-'));
  if (template) await cp(template, dataDir, { recursive: true });
  const embedded = await startEmbedded({ dataDir, brief: true });
  const drop = async () => {
    await embedded.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
  return { url: embedded.url, drop };
};
