import { CompiledQuery } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/database/pool.ts';
import { openLog } from '../../src/log.ts';
import { freshDatabase, needsServer, onServer } from '../support/database.ts';

describe.skipIf(!onServer)(`a connection ${onServer ? '' : needsServer}`, () => {
  let one: Database;

  beforeAll(async () => {
    const { url } = await freshDatabase();
    one = openDatabase(url, { log: openLog('silent'), max: 1 });
    await one.pool.query('create table public.kept (n integer)');
    await one.pool.query('insert into public.kept values (1)');
  });
  afterAll(() => one.close());

  const read = async (text: string) => (await one.db.executeQuery(CompiledQuery.raw(text, [1]))).rows;
  const prepared = async () =>
    (await one.pool.query('select name from pg_prepared_statements order by prepare_time')).rows.map(
      ({ name }) => name.replace(/[0-9a-f]{16}$/, '#'),
    );

  it('prepares only a statement with parameters that is executed repeatedly', async () => {
    await read('select n + $1::integer as once from public.kept');
    for (let n = 0; n < 4; n++) {
      expect(await read('select n from public.kept where n = $1')).toEqual([{ n: 1 }]);
      await one.pool.query('select n from public.kept');
    }
    expect(await prepared()).toEqual(['select n from public.kept where n = $1 #']);
  });

  it('is replaced when a prepared statement does not fit the tables any more', async () => {
    for (let n = 0; n < 4; n++)
      expect(await read('select * from public.kept where n = $1')).toEqual([{ n: 1 }]);
    await one.pool.query(`alter table public.kept add column word text default 'new'`);
    await expect(read('select * from public.kept where n = $1')).rejects.toMatchObject({ code: '0A000' });
    expect(await read('select * from public.kept where n = $1')).toEqual([{ n: 1, word: 'new' }]);
    expect(await prepared()).toEqual([]);
  });
});
