import { beforeEach, describe, expect, it } from 'vitest';
import { mobilefacenet } from '../../models/manifest.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

describe('a list that names its threshold', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await freshDatabase();
  });
  const make = async (columns: Record<string, unknown> = {}): Promise<string> => {
    const names = Object.keys(columns);
    const [row] = await database.rows(
      `insert into watchpost.watchlist (${['name', ...names].join(', ')})
       values (${['a list', ...names].map((_, n) => `$${n + 1}`).join(', ')}) returning id`,
      [`list ${Math.random()}`, ...Object.values(columns)],
    );
    return row.id;
  };
  const set = (id: string, assignments: string) =>
    database.rows(`update watchpost.watchlist set ${assignments} where id = $1`, [id]);
  const listOf = async (id: string) => {
    const [row] = await database.rows(
      'select threshold, threshold_name, target_fpir, version from watchpost.watchlist where id = $1',
      [id],
    );
    return [row.threshold, row.threshold_name, row.target_fpir, row.version];
  };
  const register = (id: string, thresholds: unknown) =>
    database.rows(`select watchpost.register_model($1, 'embedder', repeat('0', 64), 4, 'none', $2)`, [
      id,
      JSON.stringify(thresholds),
    ]);

  it('has the thresholds of the default embedder, even before any process ran', async () => {
    const { thresholds } = mobilefacenet.embedder;
    for (const name of ['loose', 'default', 'strict'] as const)
      expect(await listOf(await make({ threshold_name: name }))).toEqual([thresholds[name], name, null, 1]);
    expect(await listOf(await make())).toEqual([thresholds.default, 'default', null, 1]);
    expect(thresholds.loose).toBeLessThan(thresholds.default);
    expect(thresholds.default).toBeLessThan(thresholds.strict);
  });

  it('follows the embedder that was opened last, which is recorded like any change', async () => {
    const [strict, plain, fixed] = [
      await make({ threshold_name: 'strict' }),
      await make(),
      await make({ threshold: 0.5 }),
    ];
    await register('crowded', { loose: 0.925, default: 0.935, strict: 0.945 });
    expect(await listOf(strict)).toEqual([0.945, 'strict', null, 2]);
    expect(await listOf(plain)).toEqual([0.935, 'default', null, 2]);
    expect(await listOf(fixed), 'set by hand').toEqual([0.5, null, null, 1]);
    expect(await listOf(await make({ threshold_name: 'loose' }))).toEqual([0.925, 'loose', null, 1]);
    const [event] = await database.rows(
      `select payload -> 'new' as new from watchpost.event where subject_id = $1 order by id desc limit 1`,
      [strict],
    );
    expect(event.new).toEqual({ threshold: 0.945 });

    await register('other', { loose: 0.1, default: 0.2, strict: 0.3 });
    await register('crowded', { loose: 0.925, default: 0.93, strict: 0.945 });
    expect(await listOf(plain), 'opened again, with another number').toEqual([0.93, 'default', null, 4]);
    await register('crowded', { loose: 0.925, default: 0.93, strict: 0.945 });
    expect(await listOf(plain), 'nothing new').toEqual([0.93, 'default', null, 4]);
  });

  it('loses the name when a number is set, and the other way round', async () => {
    const { strict } = mobilefacenet.embedder.thresholds;
    const id = await make({ threshold_name: 'strict' });
    await set(id, 'threshold = 0.6');
    expect(await listOf(id)).toEqual([expect.closeTo(0.6), null, null, 2]);
    await set(id, `threshold_name = 'strict'`);
    expect(await listOf(id)).toEqual([strict, 'strict', null, 3]);
    await set(id, `purpose = 'another'`);
    expect(await listOf(id)).toEqual([strict, 'strict', null, 4]);
    await set(id, 'threshold_name = null');
    expect(await listOf(id), 'the number stays').toEqual([strict, null, null, 5]);
    const both = await make({ threshold: 0.9, threshold_name: 'strict' });
    expect(await listOf(both), 'a name decides').toEqual([strict, 'strict', null, 1]);
  });

  it('is refused with a code if there is no such name', async () => {
    await expect(make({ threshold_name: 'severe' })).rejects.toMatchObject({
      code: 'WP030',
      message: expect.stringContaining(`'severe'`),
      hint: expect.stringContaining('loose, default or strict'),
    });
    const id = await make();
    await expect(set(id, `threshold_name = ''`)).rejects.toMatchObject({ code: 'WP030' });
    await expect(set(id, 'threshold = null')).rejects.toMatchObject({ code: 'WP030' });
    expect(await listOf(id)).toEqual([0.5, 'default', null, 1]);
  });

  it('is not changed by a model without thresholds', async () => {
    for (const wrong of [
      { default: 0.5 },
      { loose: 0.1, default: 2, strict: 0.3 },
      { loose: 0.1, default: null, strict: 0.3 },
      ['loose', 'default', 'strict'],
    ])
      await expect(register('wrong', wrong)).rejects.toMatchObject({ code: '23514' });
  });
});
