import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { connectClient, untilBlocked } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';

/** What the product relies on, with an embedded database as with a server. */
describe('the database', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });

  const pair = async (): Promise<[pg.Client, pg.Client]> => [
    await connectClient(database),
    await connectClient(database),
  ];
  const table = async (columns: string): Promise<string> => {
    const name = `t_${randomBytes(6).toString('hex')}`;
    await database.rows(`create table ${name} (${columns})`);
    return name;
  };

  it('keeps the prepared statements of two clients apart, also under one name', async () => {
    const [one, other] = await pair();
    const named = (client: pg.Client, text: string) =>
      client.query({ name: 'same name', text, values: [20] });
    for (let round = 0; round < 2; round++) {
      expect((await named(one, 'select $1::int + 1 as n')).rows).toEqual([{ n: 21 }]);
      expect((await named(other, 'select $1::int + 2 as n')).rows).toEqual([{ n: 22 }]);
    }
  });

  it('delivers NOTIFY to the clients that LISTEN, at commit, and to no other', async () => {
    const [listener, notifier] = await pair();
    const heard: (string | undefined)[] = [];
    const stray: unknown[] = [];
    notifier.on('notification', (message) => stray.push(message));
    const woken = new Promise<void>((resolve) => {
      listener.on('notification', (message) => {
        heard.push(message.payload);
        if (message.payload === 'kept') resolve();
      });
    });
    await listener.query('listen conformance');
    await notifier.query('begin');
    await notifier.query(`select pg_notify('conformance', 'undone')`);
    await notifier.query('rollback');
    await notifier.query(`select pg_notify('conformance', 'kept')`);
    await woken;
    expect(heard).toEqual(['kept']);
    expect(stray).toEqual([]);
  });

  it('gives rows claimed with SKIP LOCKED to one of many clients each', async () => {
    const name = await table('n int primary key, taken_by int');
    await database.rows(`insert into ${name} select n, null from generate_series(1, 300) as n`);
    const claim = async (by: number): Promise<number> => {
      const client = await connectClient(database);
      let claimed = 0;
      for (;;) {
        const { rowCount } = await client.query(
          `update ${name} set taken_by = $1
           where taken_by is null
             and n in (select n from ${name} where taken_by is null order by n limit 7 for update skip locked)`,
          [by],
        );
        if (!rowCount) return claimed;
        claimed += rowCount;
      }
    };
    const claimed = await Promise.all([1, 2, 3, 4].map(claim));
    expect(claimed.reduce((sum, n) => sum + n)).toBe(300);
    expect(await database.rows(`select n from ${name} where taken_by is null`)).toEqual([]);
  });

  it.skipIf(!onServer)(
    `skips rows that another transaction has locked, without waiting ${needsServer}`,
    async () => {
      const name = await table('n int primary key');
      await database.rows(`insert into ${name} select n from generate_series(1, 4) as n`);
      const [one, other] = await pair();
      const lockTwo = `select n from ${name} order by n limit 2 for update skip locked`;
      await one.query('begin');
      expect((await one.query(lockTwo)).rows).toEqual([{ n: 1 }, { n: 2 }]);
      expect((await other.query(lockTwo)).rows).toEqual([{ n: 3 }, { n: 4 }]);
      await one.query('commit');
    },
  );

  it('does not mix the transactions of two clients', async () => {
    const name = await table('who text');
    const [one, other] = await pair();
    await one.query('begin');
    await one.query(`insert into ${name} values ('one')`);
    // An embedded database runs transactions one after the other: this one may have to wait for the first to end.
    const second = (async () => {
      await other.query('begin');
      await other.query(`insert into ${name} values ('other')`);
      await other.query('commit');
    })();
    await one.query('rollback');
    await second;
    expect(await database.rows(`select who from ${name}`)).toEqual([{ who: 'other' }]);
  });

  it.skipIf(!onServer)(`shows uncommitted rows to no other session ${needsServer}`, async () => {
    const name = await table('n int');
    const [one, other] = await pair();
    await one.query('begin');
    await one.query(`insert into ${name} values (1)`);
    expect((await other.query(`select n from ${name}`)).rows).toEqual([]);
    await one.query('commit');
    expect((await other.query(`select n from ${name}`)).rows).toEqual([{ n: 1 }]);
  });

  it('reads what was committed before each statement, and one state throughout under REPEATABLE READ', async () => {
    const name = await table('n int');
    const client = await connectClient(database);
    expect((await client.query('show transaction_isolation')).rows).toEqual([
      { transaction_isolation: 'read committed' },
    ]);
    await client.query('begin isolation level repeatable read');
    expect((await client.query('show transaction_isolation')).rows).toEqual([
      { transaction_isolation: 'repeatable read' },
    ]);
    await client.query(`select n from ${name}`);
    if (onServer) await database.rows(`insert into ${name} values (1)`);
    expect((await client.query(`select n from ${name}`)).rows).toEqual([]);
    await client.query('commit');
    expect((await client.query('show transaction_isolation')).rows).toEqual([
      { transaction_isolation: 'read committed' },
    ]);
  });

  it('rolls back a transaction that fails, and the session continues', async () => {
    const name = await table('n int primary key');
    const client = await connectClient(database);
    await client.query('begin');
    await client.query(`insert into ${name} values (1)`);
    await expect(client.query(`insert into ${name} values (1)`)).rejects.toMatchObject({ code: '23505' });
    await expect(client.query('select 1')).rejects.toMatchObject({ code: '25P02' });
    await client.query('rollback');
    expect((await client.query(`select n from ${name}`)).rows).toEqual([]);
  });

  it('keeps 5 MB of bytes as they are', async () => {
    const name = await table('bytes bytea');
    const bytes = randomBytes(5 * 1024 * 1024);
    await database.rows(`insert into ${name} values ($1)`, [bytes]);
    const [row] = await database.rows(`select bytes from ${name}`);
    expect(bytes.equals(row.bytes)).toBe(true);
  });

  it('orders halfvec through a partial HNSW index, iteratively', async () => {
    const name = await table('id int primary key, kind text, v halfvec');
    await database.rows(
      `insert into ${name}
       select n, 'a', array_agg(sin(n * d))::real[]::halfvec
       from generate_series(1, 500) as n, generate_series(1, 16) as d group by n`,
    );
    await database.rows(
      `create index ${name}_v on ${name} using hnsw ((v::halfvec(16)) halfvec_cosine_ops) where kind = 'a'`,
    );
    const client = await connectClient(database);
    await client.query('begin');
    await client.query('set local enable_seqscan = off');
    await client.query(`set local hnsw.iterative_scan = 'relaxed_order'`);
    await client.query('set local hnsw.ef_search = 10');
    const nearest = `
      select id from ${name} where kind = 'a' and id % 100 = 23
      order by v::halfvec(16) <=> (select v::halfvec(16) from ${name} where id = 123) limit 5`;
    const plan = await client.query(`explain ${nearest}`);
    const { rows } = await client.query(nearest);
    await client.query('commit');
    expect(JSON.stringify(plan.rows)).toContain(`${name}_v`);
    expect(rows[0]).toEqual({ id: 123 });
    expect(rows.map((row) => row.id).sort()).toEqual([123, 223, 23, 323, 423]);
  });

  it('gives an advisory lock of a transaction back when the transaction ends', async () => {
    const [one, other] = await pair();
    await one.query('begin');
    await one.query('select pg_advisory_xact_lock(42)');
    const waiting = other.query('select pg_advisory_xact_lock(42)');
    if (onServer) await untilBlocked(database);
    await one.query('commit');
    await waiting;
    expect((await one.query('select pg_try_advisory_xact_lock(42) as got')).rows).toEqual([{ got: true }]);
  });

  it.skipIf(!onServer)(`gives an advisory lock to one transaction at a time ${needsServer}`, async () => {
    const [one, other] = await pair();
    const tryLock = 'select pg_try_advisory_xact_lock(43) as got';
    await one.query('begin');
    expect((await one.query(tryLock)).rows).toEqual([{ got: true }]);
    expect((await other.query(tryLock)).rows).toEqual([{ got: false }]);
    await one.query('commit');
    expect((await other.query(tryLock)).rows).toEqual([{ got: true }]);
  });

  it('checks a deferred foreign key at commit', async () => {
    const parent = await table('id int primary key');
    const child = await table(`id int references ${parent} deferrable initially deferred`);
    const client = await connectClient(database);
    await client.query('begin');
    await client.query(`insert into ${child} values (1)`);
    await client.query(`insert into ${parent} values (1)`);
    await client.query('commit');
    await client.query('begin');
    await client.query(`insert into ${child} values (2)`);
    await expect(client.query('commit')).rejects.toMatchObject({ code: '23503' });
    expect(await database.rows(`select id from ${child}`)).toEqual([{ id: 1 }]);
  });

  it('fires a statement-level trigger once, with all new rows', async () => {
    const name = await table('n int');
    const seen = await table('rows int, total int');
    await database.rows(`
      create function ${name}_count() returns trigger language plpgsql as $$
      begin
        insert into ${seen} select count(*), sum(n) from new_rows;
        return null;
      end $$
    `);
    await database.rows(`
      create trigger count after insert on ${name} referencing new table as new_rows
      for each statement execute function ${name}_count()
    `);
    await database.rows(`insert into ${name} select n from generate_series(1, 100) as n`);
    expect(await database.rows(`select * from ${seen}`)).toEqual([{ rows: 100, total: 5050 }]);
  });

  it('makes keys that sort by the time they were made, as version 7', async () => {
    const keys = [];
    for (let n = 0; n < 20; n++)
      keys.push((await database.rows('select watchpost.uuidv7()::text as id'))[0].id);
    // To the microsecond on a server; the embedded database's clock counts milliseconds.
    const times = onServer ? keys : keys.map((key) => key.slice(0, 13));
    expect(times).toEqual(times.toSorted());
    expect(keys.filter((key) => !/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]/.test(key))).toEqual([]);
    const [made] = await database.rows(
      `select abs(extract(epoch from clock_timestamp()) * 1000 - ('x' || lpad($1, 16, '0'))::bit(64)::bigint) as ms`,
      [keys[19].replaceAll('-', '').slice(0, 12)],
    );
    expect(Number(made.ms), 'the first 48 bits are milliseconds').toBeLessThan(60_000);
  });
});
