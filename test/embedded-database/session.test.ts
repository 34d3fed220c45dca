/** Settings, and everything else that clients leave in the session they share. */

import { once } from 'node:events';
import type { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Embedded } from '../../src/embedded-database/index.ts';
import { connectClient, startInMemory, value } from './support.ts';

let database: Embedded;
beforeAll(async () => {
  database = await startInMemory();
});
afterAll(() => database.stop());

let one: Client;
let two: Client;
beforeEach(async () => {
  one = await connectClient(database.url);
  two = await connectClient(database.url);
});

describe('the session', () => {
  it('keeps each client’s settings apart', async () => {
    await one.query("SET work_mem = '7MB'; SET TimeZone = 'Asia/Tokyo'");
    expect(await value(two, 'SHOW work_mem')).toBe('4MB');
    await two.query("SELECT set_config('work_mem', '9MB', false)");
    expect(await value(one, 'SHOW work_mem')).toBe('7MB');
    expect(await value(one, 'SHOW TimeZone')).toBe('Asia/Tokyo');
    expect(await value(two, 'SHOW work_mem')).toBe('9MB');
    await one.query('RESET ALL');
    expect(await value(one, 'SHOW work_mem')).toBe('4MB');
    expect(await value(two, 'SHOW work_mem')).toBe('9MB');
  });

  it('forgets a setting with the transaction that was rolled back', async () => {
    await one.query('BEGIN');
    await one.query("SET work_mem = '7MB'");
    await one.query('ROLLBACK');
    expect(await value(two, 'SHOW work_mem')).toBe('4MB');
    expect(await value(one, 'SHOW work_mem')).toBe('4MB');
  });

  it('keeps roles apart', async () => {
    await one.query('CREATE ROLE watcher');
    await one.query('SET ROLE watcher');
    expect(await value(two, 'SELECT current_user')).toBe('postgres');
    expect(await value(one, 'SELECT current_user')).toBe('watcher');
    await one.query('RESET ROLE');
    await one.query('DROP ROLE watcher');
  });

  it('takes settings from the startup packet', async () => {
    const client = await connectClient(database.url, { options: '-c work_mem=8MB -c search_path="a\\ b"' });
    expect(await value(two, 'SHOW work_mem')).toBe('4MB');
    expect(await value(client, 'SHOW work_mem')).toBe('8MB');
    expect(await value(client, 'SHOW search_path')).toBe('"a b"');
    const wrong = connectClient(database.url, { options: '-c work_mem=much' });
    await expect(wrong).rejects.toMatchObject({ code: '22023' });
  });

  it('is as new when the clients that changed it have left', async () => {
    const brief = await connectClient(database.url);
    await brief.query("SET work_mem = '7MB'; CREATE TEMP TABLE scratch (); SELECT pg_advisory_lock(1)");
    await brief.end();
    expect(await value(one, 'SHOW work_mem')).toBe('4MB');
    const scratch = "SELECT to_regclass('scratch')";
    await expect.poll(() => value(one, scratch), { timeout: 30_000 }).toBeNull();
    const locks = "SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory'";
    await expect.poll(() => value(one, locks), { timeout: 30_000 }).toBe(0);
  });

  it('does not take the timeouts that would end the engine', async () => {
    const notice = once(one, 'notice');
    await one.query('SET idle_in_transaction_session_timeout = 1');
    expect((await notice)[0].message).toMatch(/ignored/);
    expect(await value(one, 'SHOW idle_in_transaction_session_timeout')).toBe('0');
    const client = await connectClient(database.url, {
      statement_timeout: 1,
      lock_timeout: 1,
      idle_in_transaction_session_timeout: 1,
    });
    expect(await value(client, 'SHOW idle_in_transaction_session_timeout')).toBe('0');
    const byFunction = client.query("SELECT set_config('idle_in_transaction_session_timeout', '1', false)");
    await expect(byFunction).rejects.toMatchObject({ code: '0A000' });
  });

  it('survives DISCARD ALL for everyone but the client that asked for it', async () => {
    await one.query({ name: 'kept', text: 'SELECT 1 AS n' });
    await one.query("SET work_mem = '7MB'");
    await two.query("SET work_mem = '9MB'");
    await two.query('DISCARD ALL');
    expect((await one.query({ name: 'kept', text: 'SELECT 1 AS n' })).rows).toEqual([{ n: 1 }]);
    expect(await value(one, 'SHOW work_mem')).toBe('7MB');
    expect(await value(two, 'SHOW work_mem')).toBe('4MB');
  });
});
