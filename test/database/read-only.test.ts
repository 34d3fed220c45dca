import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/database/pool.ts';
import { isDatabaseAway } from '../../src/database-errors.ts';
import { openLog } from '../../src/log.ts';
import { startPair } from '../chaos/replica.ts';
import { atEnd } from '../support/at-end.ts';
import { freshDatabase, needsServer, onServer } from '../support/database.ts';
import { findPrograms } from '../support/programs.ts';

const log = openLog('silent');

const open = (url: string, options: { readOnly?: boolean } = {}): Database => {
  const database = openDatabase(url, { log, max: 1, ...options });
  atEnd(() => database.close());
  return database;
};

const pidOf = async ({ pool }: Database): Promise<number> =>
  (await pool.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid as number;

const failureOf = (asked: Promise<unknown>): Promise<unknown> =>
  asked.then(
    () => undefined,
    (error) => error,
  );

describe.skipIf(!onServer)(`a server that is set to read-only ${onServer ? '' : needsServer}`, () => {
  it('counts as away when a connection is made, except for what only reads', async () => {
    const { url, pool } = await freshDatabase();
    const name = new URL(url).pathname.slice(1);
    await pool.query(`alter database ${name} set default_transaction_read_only = on`);
    const failure = await failureOf(open(url).pool.query('select 1'));
    expect(failure).toMatchObject({ code: '25006' });
    expect(isDatabaseAway(failure)).toBe(true);
    expect(await pidOf(open(url, { readOnly: true }))).toEqual(expect.any(Number));
  });

  it('loses the connections that it has when it becomes so', async () => {
    const database = open((await freshDatabase()).url);
    const before = await pidOf(database);
    // Reported as a change of the server's configuration is.
    await failureOf(database.pool.query('set default_transaction_read_only = on'));
    expect(await pidOf(database)).not.toBe(before);
  });

  it('loses the connection on which it refuses a write, which counts as away', async () => {
    const database = open((await freshDatabase()).url);
    const client = await database.pool.connect();
    const { rows } = await client.query('select pg_backend_pid() as pid');
    await client.query('begin read only');
    const failure = await failureOf(client.query('create table public.refused ()'));
    client.release();
    expect(isDatabaseAway(failure)).toBe(true);
    expect(await pidOf(database)).not.toBe(rows[0].pid);
  });
});

const programs = await findPrograms();
const reason = programs ? '' : '(needs DATABASE_URL of a server whose pg_ctl is on this machine)';

describe.skipIf(!programs)(`a server in recovery ${reason}`, () => {
  it('counts as away until it is promoted, except for what only reads', { timeout: 60_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'watchpost-replica-'));
    atEnd(() => rm(folder, { recursive: true, force: true }));
    await chmod(folder, 0o755);
    const pair = await startPair({ bin: programs, folder, synchronous: true });
    atEnd(() => pair.end());
    const database = open(pair.url);
    await database.pool.query('create table public.kept as select 1 as n');

    await pair.primary.stop();
    pair.address.moveTo(pair.replica.port);
    await expect
      .poll(() => failureOf(database.pool.query('select n from public.kept')))
      .toMatchObject({ code: '25006' });
    const reader = open(pair.url, { readOnly: true });
    expect((await reader.pool.query('select n from public.kept')).rows).toEqual([{ n: 1 }]);
    await pair.replica.promote();
    await database.pool.query('insert into public.kept values (2)');
    expect((await reader.pool.query('select n from public.kept')).rows).toEqual([{ n: 1 }, { n: 2 }]);
  });
});
