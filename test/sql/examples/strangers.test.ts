import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../support/database.ts';
import { examplesIn, openNorthGate, type RunExample } from '../../support/examples.ts';
import { sample } from '../../support/photos.ts';
import { untilFinal } from '../../support/pipeline.ts';
import { groupStrangers } from '../../support/strangers.ts';

describe('sql/examples of strangers', () => {
  let database: TestDatabase;
  let run: RunExample;

  // The same four people on five days.
  beforeAll(async () => {
    database = await freshDatabase();
    run = examplesIn(database);
    await openNorthGate(database);
    for (const day of [1, 2, 3, 4, 5]) {
      const [row] = await database.rows(
        `select watchpost.submit_image($1, 'north-gate', now() - $2::integer * interval '1 day') as id`,
        [sample(4), day],
      );
      expect(await untilFinal(database, row.id)).toMatchObject({ state: 'done', faces: 4 });
    }
  });

  it('group-strangers.sql, recurring-strangers.sql, faces-of-a-stranger.sql, enrol-a-stranger.sql', async () => {
    expect(await run('group-strangers.sql')).toMatchObject([
      { enabled: true, min_faces: 3, similarity: expect.closeTo(0.55) },
    ]);
    await groupStrangers(database);
    const [most, ...others] = await run('recurring-strangers.sql');
    expect(most).toMatchObject({ visits: '5', faces: '5' });
    expect(others.length).toBeLessThan(4);
    expect(
      await run('recurring-strangers.sql', (text) => text.replace('5 as visits', '6 as visits')),
    ).toEqual([]);

    const faces = await run('faces-of-a-stranger.sql');
    expect(faces).toHaveLength(5);
    expect(faces[0]).toMatchObject({ visit: 5, camera: 'north-gate', location: 'North gate' });

    const [named] = await run('enrol-a-stranger.sql');
    expect(named).toMatchObject({ stranger_id: faces[0].stranger_id, visits: 5 });
    const [person] = await database.rows('select name from watchpost.person where id = $1', [
      named.person_id,
    ]);
    expect(person).toEqual({ name: 'Regular visitor' });
    expect(await run('recurring-strangers.sql')).toHaveLength(others.length);
  });
});
