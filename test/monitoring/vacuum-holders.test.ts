import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { DB } from '../../src/database/types.generated.ts';
import { findVacuumHolders } from '../../src/monitoring/vacuum-holders.ts';
import { startPair } from '../chaos/replica.ts';
import { atEnd } from '../support/at-end.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { findPrograms } from '../support/programs.ts';

const viewFile = new URL('../../sql/6-record/vacuum-holders.sql', import.meta.url);

/** Names holders of any age. */
const atOnce = { minutes: 0, transactions: 0 };

const connect = async (url: string, application_name: string): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString: url, application_name });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
};

const pidOf = async (client: pg.Client): Promise<number> =>
  (await client.query('select pg_backend_pid() as pid')).rows[0].pid;

describe.skipIf(!onServer)(`what holds VACUUM back ${onServer ? '' : needsServer}`, () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });

  it('is nobody while no transaction is old', async () => {
    const client = await connect(database.url, 'young');
    await client.query('begin isolation level repeatable read; select from pg_class limit 1');
    expect(await findVacuumHolders(database.db)).toEqual([]);
  });

  it('is named when it is a transaction: whose, since when, its state and how to end it', async () => {
    const client = await connect(database.url, 'nightly report');
    const pid = await pidOf(client);
    await client.query('begin isolation level repeatable read; select from pg_class limit 1');
    const [holder] = await findVacuumHolders(database.db, atOnce);
    expect(holder?.found).toMatch(
      new RegExp(
        `^pid ${pid} \\(user postgres, application nightly report.*idle in transaction, since \\d{4}-.*0 minutes$`,
      ),
    );
    expect(holder?.remedy).toContain(`pg_terminate_backend(${pid})`);
    await client.query('commit');
    expect(await findVacuumHolders(database.db, atOnce)).toEqual([]);
  });

  it('is named to a user with few rights, with the role that shows more', async () => {
    const role = `watchpost_test_${randomBytes(6).toString('hex')}`;
    await database.rows(`create role ${role} login password 'seen' in role watchpost_reader`);
    onTestFinished(async () => {
      await database.rows(`drop role ${role}`);
    });
    const url = new URL(database.url);
    url.username = role;
    url.password = 'seen';
    const pool = new pg.Pool({ connectionString: url.toString(), max: 1 });
    onTestFinished(() => pool.end());
    const reader = new Kysely<DB>({ dialect: new PostgresDialect({ pool }) });
    const client = await connect(database.url, 'nightly report');
    const pid = await pidOf(client);
    await client.query('begin isolation level repeatable read; select from pg_class limit 1');
    const [holder] = await findVacuumHolders(reader, atOnce);
    expect(holder?.found).toMatch(
      new RegExp(`^pid ${pid} \\(user postgres, application nightly report\\).* for \\d+ transactions$`),
    );
    expect(holder?.remedy).toContain('pg_read_all_stats');
    expect(await findVacuumHolders(reader)).toEqual([]);
  });

  it('does not count transactions of other databases', async () => {
    const other = await freshDatabase({ empty: true });
    const client = await connect(other.url, 'elsewhere');
    await client.query('begin isolation level repeatable read; select from pg_class limit 1');
    expect(await findVacuumHolders(database.db, atOnce)).toEqual([]);
  });
});

const programs = await findPrograms();
const reason = programs ? '' : '(needs DATABASE_URL of a server whose pg_ctl is on this machine)';

describe.skipIf(!programs)(`what holds VACUUM back without a session ${reason}`, () => {
  it('is named when it is a prepared transaction, or the slot of a replica', {
    timeout: 60_000,
  }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'watchpost-vacuum-'));
    atEnd(() => rm(folder, { recursive: true, force: true }));
    await chmod(folder, 0o755);
    const settings = ['max_prepared_transactions=1'];
    const pair = await startPair({ bin: programs, folder, synchronous: false, settings });
    atEnd(() => pair.end());
    const primary = await connect(pair.primary.url, 'primary');
    const replica = await connect(pair.replica.url, 'replica');
    const pool = new pg.Pool({ connectionString: pair.primary.url, max: 1 });
    onTestFinished(() => pool.end());
    const reader = new Kysely<DB>({ dialect: new PostgresDialect({ pool }) });
    await primary.query(`create schema watchpost; ${readFileSync(viewFile, 'utf8')}`);
    const found = async () => (await findVacuumHolders(reader, atOnce)).map((holder) => holder.found);

    await primary.query(`begin; create table public.half (); prepare transaction 'half done'`);
    expect(await found()).toEqual([
      expect.stringMatching(/^the prepared transaction 'half done' of user postgres/),
    ]);
    await primary.query(`rollback prepared 'half done'`);

    await primary.query(`select pg_create_physical_replication_slot('copy')`);
    for (const setting of [
      `primary_slot_name = 'copy'`,
      'hot_standby_feedback = on',
      `wal_receiver_status_interval = '1s'`,
    ])
      await replica.query(`alter system set ${setting}`);
    await replica.query('select pg_reload_conf()');
    await expect
      .poll(found, { timeout: 20_000 })
      .toContainEqual(
        expect.stringMatching(
          /^the replication slot copy, used by pid \d+, has kept old rows for \d+ transactions$/,
        ),
      );
    await replica.end();
    await pair.replica.stop();
    await expect
      .poll(found, { timeout: 20_000 })
      .toEqual([expect.stringMatching(/^the replication slot copy, which is not in use, has kept old rows/)]);
  });
});
