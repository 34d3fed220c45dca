import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely';
import { expect, it } from 'vitest';
import { anyOf } from '../../src/database/any-of.ts';
import type { DB } from '../../src/database/types.generated.ts';

const db = new Kysely<DB>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (any) => new PostgresIntrospector(any),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
});

it('makes the same statement text for any number of ids', () => {
  const textFor = (ids: string[]) =>
    db.selectFrom('watchpost.face').select('id').where('id', '=', anyOf(ids)).compile();
  const [none, one, three] = [[], ['a'], ['a', 'b', 'c']].map(textFor);
  expect(one?.sql).toContain('= any ($1::uuid[])');
  expect([none?.sql, three?.sql]).toEqual([one?.sql, one?.sql]);
  expect(three?.parameters).toEqual([['a', 'b', 'c']]);
});
