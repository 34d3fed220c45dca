import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../support/database.ts';
import { examplesIn, openNorthGate, type RunExample } from '../../support/examples.ts';
import { sample } from '../../support/photos.ts';
import { submit, untilFinal } from '../../support/pipeline.ts';
import { until } from '../../support/until.ts';

describe('sql/examples of the description of faces', () => {
  let database: TestDatabase;
  let run: RunExample;
  /** Of the photos that Ada was enrolled from and seen in, and of two others. */
  const faces = 3 + 3 + 3 + 5;

  beforeAll(async () => {
    database = await freshDatabase();
    run = examplesIn(database);
    await openNorthGate(database);
    for (const photo of [1, 2, 5] as const)
      await untilFinal(database, await submit(database, sample(photo), 'north-gate'));
  });

  it('switch-description-on.sql', async () => {
    expect(await run('switch-description-on.sql')).toMatchObject([{ faces_of_the_past: faces }]);
    await until(async () => {
      const described = await database.rows('select id from watchpost.demography');
      return described.length === faces;
    });
  });

  it('ages-and-genders.sql', async () => {
    const groups = await run('ages-and-genders.sql');
    expect(new Set(groups.map((group) => group.camera))).toContain('north-gate');
    for (const group of groups) {
      expect(group.ages).toMatch(/^\d+ to \d+$/);
      expect(Number(group.men_expected)).toBeLessThanOrEqual(Number(group.faces) * 0.5);
    }
  });

  it('who-changed-what-is-done.sql', async () => {
    const [user] = await database.rows('select session_user as name');
    const change = {
      who: user.name,
      task: 'describe',
      was_on: false,
      is_on: true,
      note: expect.stringContaining('DPIA-12'),
    };
    expect(await run('who-changed-what-is-done.sql')).toMatchObject([change, change]);
  });

  it('forget-ages-and-genders.sql', async () => {
    expect(await run('forget-ages-and-genders.sql')).toEqual([{ estimates: '0' }]);
    await database.rows(`update watchpost.demography set created_at = now() - interval '31 days'`);
    expect(await run('forget-ages-and-genders.sql')).toEqual([{ estimates: String(faces) }]);
  });
});
