/** Clients that share one backend without affecting each other. */

import { once } from 'node:events';
import type { Client, Notification } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Embedded } from '../../src/embedded-database/index.ts';
import { parse, query, sync } from '../../src/embedded-database/protocol.ts';
import {
  bind,
  connectClient,
  errorCode,
  execute,
  flush,
  RawClient,
  startInMemory,
  types,
  value,
} from './support.ts';

let database: Embedded;
beforeAll(async () => {
  database = await startInMemory({ idleInTransactionMs: 1_000 });
});
afterAll(() => database.stop());

let one: Client;
let two: Client;
beforeEach(async () => {
  one = await connectClient(database.url);
  two = await connectClient(database.url);
  await one.query('DROP TABLE IF EXISTS t; CREATE TABLE t (a int)');
});

describe('prepared statements', () => {
  it('of the same name are each client’s own', async () => {
    const ask = (client: Client, text: string) => client.query({ name: 'same', text, values: [7] });
    expect((await ask(one, 'SELECT $1::int + 1 AS n')).rows).toEqual([{ n: 8 }]);
    expect((await ask(two, 'SELECT $1::int * 2 AS n')).rows).toEqual([{ n: 14 }]);
    expect((await ask(one, 'SELECT $1::int + 1 AS n')).rows).toEqual([{ n: 8 }]);
  });

  it('by SQL are each client’s own, and DEALLOCATE ALL spares the others’', async () => {
    await one.query('PREPARE p AS SELECT 1 AS n');
    await two.query('PREPARE p AS SELECT 2 AS n');
    await two.query('DEALLOCATE ALL');
    expect(await value(one, 'EXECUTE p')).toBe(1);
    await expect(two.query('EXECUTE p')).rejects.toMatchObject({ code: '26000' });
  });

  it('without a name survive another client’s', async () => {
    const [a, b] = await Promise.all([RawClient.open(database.url), RawClient.open(database.url)]);
    for (const [client, word] of [
      [a, 'first'],
      [b, 'second'],
    ] as const) {
      client.send(parse('', `SELECT '${word}'`), sync());
      expect(types(await client.until('Z'))).toBe('1Z');
    }
    a.send(bind('', ''), execute(''), sync());
    const answer = await a.until('Z');
    expect(types(answer)).toBe('2DCZ');
    expect(answer[1]!.body.toString()).toContain('first');
  });

  it('are closed when their client leaves', async () => {
    const brief = await connectClient(database.url);
    await brief.query({ name: 'brief', text: 'SELECT 4711' });
    const left = "SELECT count(*)::int FROM pg_prepared_statements WHERE statement LIKE '%471' || '1'";
    expect(await value(one, left)).toBe(1);
    await brief.end();
    await expect.poll(() => value(one, left), { timeout: 30_000 }).toBe(0);
  });
});

describe('transactions', () => {
  it('do not mix', async () => {
    const order: string[] = [];
    await one.query('BEGIN');
    await one.query('INSERT INTO t VALUES (1)');
    const seen = value(two, 'SELECT count(*)::int FROM t').then((count) => {
      order.push('two');
      return count;
    });
    await one.query('INSERT INTO t VALUES (2)');
    await one.query('ROLLBACK').then(() => order.push('one'));
    expect(await seen).toBe(0);
    expect(order).toEqual(['one', 'two']);
  });

  it('of clients with the same portal name do not mix either', async () => {
    const clients = await Promise.all([RawClient.open(database.url), RawClient.open(database.url)]);
    for (const client of clients) {
      client.send(query('BEGIN'), parse('', 'SELECT generate_series(1, 3)'), bind('portal', ''));
      client.send(execute('portal', 1), sync(), execute('portal', 1), sync(), query('COMMIT'));
    }
    for (const client of clients) {
      const answers = [];
      for (let i = 0; i < 4; i++) answers.push(types(await client.until('Z')));
      expect(answers).toEqual(['CZ', '12DsZ', 'DsZ', 'CZ']);
    }
  });

  it('are rolled back when their client vanishes', async () => {
    const raw = await RawClient.open(database.url);
    raw.send(query('BEGIN; INSERT INTO t VALUES (1)'));
    await raw.until('Z');
    raw.socket.destroy();
    expect(await value(one, 'SELECT count(*)::int FROM t')).toBe(0);
  });

  it('that were never begun by name are rolled back, too', async () => {
    const raw = await RawClient.open(database.url);
    raw.send(parse('', 'INSERT INTO t VALUES (1)'), bind('', ''), execute(''), flush());
    await raw.until('C');
    raw.socket.destroy();
    expect(await value(one, 'SELECT count(*)::int FROM t')).toBe(0);
  });

  it('left idle are cut off, and the others go on', async () => {
    await one.query('BEGIN');
    await one.query('INSERT INTO t VALUES (1)');
    const cut = once(one, 'error');
    const count = value(two, 'SELECT count(*)::int FROM t');
    expect((await cut)[0]).toMatchObject({ code: '25P03', severity: 'FATAL' });
    expect(await count).toBe(0);
    await expect(one.query('SELECT 1')).rejects.toThrow();
  });

  it('left idle before a Sync are cut off as well', async () => {
    const raw = await RawClient.open(database.url);
    raw.send(parse('', 'SELECT 1'), flush());
    expect(await value(one, 'SELECT 2')).toBe(2);
    expect(errorCode(await raw.until('E'))).toBe('25P03');
    await raw.closed;
  });

  it('take turns: one client’s long pipeline does not hold up another', async () => {
    const raw = await RawClient.open(database.url);
    raw.send(...Array.from({ length: 400 }, () => query('SELECT count(*) FROM generate_series(1, 10000)')));
    await raw.until('Z');
    expect(await value(one, 'SELECT 3')).toBe(3);
    expect(raw.received.filter(({ type }) => type === 'Z').length).toBeLessThan(399);
    for (let i = 1; i < 400; i++) await raw.until('Z');
  });

  it('that wait for their turn can be cancelled', async () => {
    await one.query('BEGIN');
    const waiting = expect(two.query('SELECT 1')).rejects.toMatchObject({ code: '57014' });
    const { processID, secretKey } = two as unknown as { processID: number; secretKey: number };
    const request = Buffer.alloc(16);
    for (const [at, field] of [16, 80877102, processID, secretKey].entries())
      request.writeInt32BE(field, at * 4);
    const raw = new RawClient(database.url);
    raw.send(request);
    await raw.closed;
    await waiting;
    await one.query('COMMIT');
    expect(await value(two, 'SELECT 2')).toBe(2);
  });
});

describe('notifications', () => {
  const collect = (client: Client) => {
    const heard: string[] = [];
    client.on('notification', ({ channel, payload }: Notification) => heard.push(`${channel} ${payload}`));
    return heard;
  };

  it('reach those who listen and no one else', async () => {
    const [heardByOne, heardByTwo] = [collect(one), collect(two)];
    await one.query('LISTEN "Chan.nel"');
    const arrives = once(one, 'notification');
    await two.query(`NOTIFY "Chan.nel", 'from two'`);
    const [{ processId }] = (await arrives) as [Notification];
    expect(processId).toBe((two as unknown as { processID: number }).processID);
    await two.query('SELECT 1');
    expect(heardByOne).toEqual(['Chan.nel from two']);
    expect(heardByTwo).toEqual([]);
  });

  it('reach their sender when it listens, before its statement is done', async () => {
    const heard = collect(one);
    await one.query('LISTEN mine');
    await one.query("NOTIFY mine, 'x'");
    expect(heard).toEqual(['mine x']);
  });

  it('are sent at commit, and not after a rollback', async () => {
    const heard = collect(two);
    await two.query('LISTEN c');
    await one.query("BEGIN; NOTIFY c, 'lost'; ROLLBACK");
    await one.query('BEGIN');
    await one.query("NOTIFY c, 'kept'");
    const arrives = once(two, 'notification');
    await one.query('COMMIT');
    await arrives;
    expect(heard).toEqual(['c kept']);
  });

  it('stop for the client that does not listen any more, and for it alone', async () => {
    const [heardByOne, heardByTwo] = [collect(one), collect(two)];
    await one.query('LISTEN c');
    await two.query('LISTEN c');
    await one.query('UNLISTEN *');
    const arrives = once(two, 'notification');
    await one.query("NOTIFY c, 'x'");
    await arrives;
    await one.query('SELECT 1');
    expect(heardByOne).toEqual([]);
    expect(heardByTwo).toEqual(['c x']);
  });

  it('are not asked for by a LISTEN that was rolled back', async () => {
    const heard = collect(one);
    await two.query('LISTEN c');
    await one.query('BEGIN; LISTEN c; ROLLBACK');
    const arrives = once(two, 'notification');
    await two.query("NOTIFY c, 'x'");
    await arrives;
    await one.query('SELECT 1');
    expect(heard).toEqual([]);
  });
});
