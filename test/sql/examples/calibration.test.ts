import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../support/database.ts';
import { examplesIn, type RunExample } from '../../support/examples.ts';
import { addKnownPeople, addModel } from '../../support/fabricate.ts';
import { Vectors } from '../../support/vectors.ts';

describe('sql/examples of calibration', () => {
  let database: TestDatabase;
  let run: RunExample;
  const people = 200;

  // Random vectors of 16 dimensions are as alike as 0.9 now and then, and a person's two photos as 0.95.
  beforeAll(async () => {
    database = await freshDatabase();
    run = examplesIn(database);
    const model = await addModel(database, 'sixteen', 16);
    const vectors = new Vectors(16, 1);
    await addKnownPeople(database, {
      model,
      vectors: Array.from({ length: people }, () => {
        const face = vectors.any();
        return [vectors.near(face, 0.97), vectors.near(face, 0.97)];
      }),
    });
    await database.rows(`insert into watchpost.watchlist (name) values ('missing'), ('wanted')`);
  });

  it('calibration-curve.sql', async () => {
    await database.rows('select watchpost.calibrate()');
    const curve = await run('calibration-curve.sql');
    expect(curve.map((row) => row.threshold)).toEqual(
      Array.from({ length: 21 }, (_, n) => expect.closeTo(n / 20)),
    );
    expect(curve[0]).toMatchObject({ fpir: '1.0000', hit_rate: expect.stringMatching(/^(1|0\.9)/) });
    expect(curve.at(-1)).toMatchObject({ fpir: '0.0000', fpir_at_most: '0.0075', hit_rate: '0.000' });
  });

  it('threshold-for-a-rate.sql', async () => {
    const [chosen] = await run('threshold-for-a-rate.sql');
    expect(chosen).toMatchObject({ strangers: 2 * people, false_positives: 1 });
    expect(Number(chosen.threshold)).toBeGreaterThan(0.7);
    expect(Number(chosen.threshold)).toBeLessThan(0.95);
  });

  it('list-by-rate.sql', async () => {
    const [{ threshold }] = await database.rows('select watchpost.threshold_for(0.003) as threshold');
    const lists = await run('list-by-rate.sql');
    expect(lists).toMatchObject([{ name: 'missing', target_fpir: '0.0030' }]);
    expect(Number(lists[0].threshold)).toBeCloseTo(threshold);
  });

  it('calibration-with-stored-strangers.sql', async () => {
    const [stored] = await run('calibration-with-stored-strangers.sql');
    expect(stored).toMatchObject({
      source: 'references and stored strangers',
      people,
      strangers: 2 * people,
    });
  });
});
