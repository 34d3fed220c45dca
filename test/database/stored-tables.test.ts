import { beforeAll, describe, expect, it } from 'vitest';
import { copyTable, countRows, listTables } from '../../src/database/stored-tables.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';

describe.skipIf(!onServer)(`copying tables into another database ${needsServer}`, () => {
  let [from, to]: TestDatabase[] = [];
  beforeAll(async () => {
    [from, to] = [await freshDatabase({ empty: true }), await freshDatabase({ empty: true })];
    for (const database of [from, to]) {
      await database.rows('create schema watchpost');
      await database.rows(
        `create table watchpost.photos (n integer, bytes bytea storage external, sized integer generated always as (octet_length(bytes)) stored)`,
      );
      await database.rows('create table watchpost.small (n integer, said text)');
      await database.rows('create table watchpost.empty (n integer)');
    }
    // Several of these make a chunk, and one page holds them all.
    await from.rows(
      `insert into watchpost.photos (n, bytes)
       select n, decode(repeat(lpad(to_hex(n), 2, '0'), 300000), 'hex') from generate_series(1, 30) as n`,
    );
    // Many pages make a chunk of these, and some of their rows are gone or moved.
    await from.rows(
      `insert into watchpost.small select n, nullif(repeat('x', n % 80), '') from generate_series(1, 100000) as n`,
    );
    await from.rows('delete from watchpost.small where n % 7 = 0');
    await from.rows(`update watchpost.small set said = 'changed' where n % 5 = 0`);
  });

  it('copies every row once, whatever its size, in several steps', async () => {
    const [source, target] = [await from!.pool.connect(), await to!.pool.connect()];
    const tables = await countRows(source, await listTables(source));
    expect(tables.map(({ name, rows }) => [name, rows])).toEqual([
      ['watchpost.empty', 0],
      ['watchpost.photos', 30],
      ['watchpost.small', 85715],
    ]);
    for (const table of tables) {
      const shares: number[] = [];
      await copyTable(source, target, table, (share) => shares.push(share));
      if (table.rows === 0) continue;
      expect(shares.length).toBeGreaterThan(1);
      expect(shares.toSorted((a, b) => a - b)).toEqual(shares);
      expect(shares.at(-1)).toBe(1);
    }
    source.release();
    target.release();
    const contents = (database: TestDatabase) =>
      database.rows(
        `select (select md5(string_agg(md5(p::text), '' order by n)) from watchpost.photos as p) as photos,
                (select md5(string_agg(s::text, '' order by n)) from watchpost.small as s) as small`,
      );
    expect(await contents(to!)).toEqual(await contents(from!));
  });
});
