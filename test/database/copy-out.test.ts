import { beforeAll, describe, expect, it } from 'vitest';
import { copyOut } from '../../src/database/copy-out.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

describe('copying out', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await freshDatabase({ empty: true });
    await database.rows('create table kept (n integer primary key, bytes bytea)');
  });

  it('returns bytes unchanged, from none to many megabytes, and null as null', async () => {
    const large = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * 7919) % 256));
    for (const [n, bytes] of [Buffer.alloc(0), large, null].entries())
      await database.rows('insert into kept values ($1, $2)', [n, bytes]);
    const rows = await copyOut(database.pool, 'select k.bytes, k.n from kept as k order by k.n');
    expect(rows.map(([, n]) => n?.readInt32BE())).toEqual([0, 1, 2]);
    expect(rows[0]?.[0]).toEqual(Buffer.alloc(0));
    expect(rows[1]?.[0]?.equals(large)).toBe(true);
    expect(rows[2]?.[0]).toBeNull();
  });

  it('returns every row as it is when many arrive in pieces', async () => {
    const text = `select k, decode(repeat(lpad(to_hex(k % 256), 2, '0'), 9000), 'hex') from generate_series(1, 400) as k`;
    for (let round = 0; round < 5; round++) {
      const rows = await copyOut(database.pool, text);
      const wrong = rows.filter(
        ([k, bytes]) => !bytes?.equals(Buffer.alloc(9000, (k?.readInt32BE() ?? 0) % 256)),
      );
      expect([rows.length, wrong.length]).toEqual([400, 0]);
    }
  });

  it('returns no rows where there are none', async () => {
    expect(await copyOut(database.pool, 'select k.bytes from kept as k where k.n = -1')).toEqual([]);
  });

  it('reports a failure, also in the middle, and leaves no unusable connection', async () => {
    await expect(copyOut(database.pool, 'select from nowhere')).rejects.toMatchObject({ code: '42P01' });
    await expect(
      copyOut(database.pool, 'select 1 / (500 - n) from generate_series(1, 1000) as n'),
    ).rejects.toMatchObject({ code: '22012' });
    const answers = await Promise.all(Array.from({ length: 20 }, () => database.rows('select 1 as one')));
    expect(answers).toEqual(Array.from({ length: 20 }, () => [{ one: 1 }]));
  });
});
