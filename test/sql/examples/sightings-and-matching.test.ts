import sharp from 'sharp';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../support/database.ts';
import { examplesIn, openNorthGate, type RunExample } from '../../support/examples.ts';
import { sample } from '../../support/photos.ts';
import { submit, untilFinal } from '../../support/pipeline.ts';
import { until } from '../../support/until.ts';

describe('sql/examples of sightings and matching', () => {
  let database: TestDatabase;
  let run: RunExample;
  /** Ada at the north gate, then a stranger in profile who is similar to her. */
  const photos = { ada: '', profile: '' };

  const setThreshold = (threshold: number) =>
    database.rows(`update watchpost.watchlist set threshold = $1 where name = 'missing'`, [threshold]);
  const process = async (bytes: Buffer, camera: string) => {
    const id = await submit(database, bytes, camera);
    await untilFinal(database, id);
    return id;
  };

  beforeAll(async () => {
    database = await freshDatabase();
    run = examplesIn(database);
    await openNorthGate(database);
    photos.ada = await process(sample(1), 'north-gate');
    await setThreshold(0.1);
    photos.profile = await process(sample(2), 'north-gate');
    await setThreshold(0.5);
  });

  it('last-seen.sql', async () => {
    expect(await run('last-seen.sql')).toMatchObject([
      {
        person: 'Ada',
        camera: 'north-gate',
        location: 'North gate',
        similarity: expect.stringMatching(/^0\.7/),
      },
    ]);
  });

  it('sightings-of-a-person.sql', async () => {
    expect(await run('sightings-of-a-person.sql')).toMatchObject([
      { location: 'North gate', watchlist: 'missing', image_id: photos.ada },
    ]);
    const ofAnother = await run('sightings-of-a-person.sql', (text) => text.replace(`:'person'`, `'Bea'`));
    expect(ofAnother).toEqual([]);
  });

  it('near-misses.sql', async () => {
    await setThreshold(0.75);
    onTestFinished(async () => {
      await setThreshold(0.5);
    });
    expect(await run('near-misses.sql')).toEqual([]);
    const near = await process(sample(1), 'north-gate');
    const misses = await run('near-misses.sql');
    expect(misses).toMatchObject([
      { person: 'Ada', watchlist: 'missing', threshold: '0.750', image_id: near },
    ]);
    expect(Number(misses[0].similarity)).toBeGreaterThan(0.65);
  });

  it('faces-gated.sql', async () => {
    expect(await run('faces-gated.sql')).toMatchObject([
      { person: 'Ada', reasons: expect.arrayContaining(['profile']), image_id: photos.profile },
    ]);
    const [status] = await database.rows(
      'select state, code, faces, matches, alerts from watchpost.image_status where image_id = $1',
      [photos.profile],
    );
    expect(status).toEqual({ state: 'done', code: null, faces: 3, matches: 0, alerts: 0 });
  });

  it('path-of-a-person.sql', async () => {
    await database.rows(`insert into watchpost.camera (name, location) values ('yard', 'Yard')`);
    await process(sample(1), 'yard');
    expect(await run('path-of-a-person.sql')).toMatchObject([
      { location: 'North gate', zone: 'outside', camera: 'north-gate', sightings: '1' },
      { location: 'Yard', zone: null, camera: 'yard', sightings: '1' },
    ]);
  });

  it('backfill-progress.sql, then retroactive-sightings.sql', async () => {
    expect(await run('retroactive-sightings.sql')).toEqual([]);
    const progress = () => run('backfill-progress.sql');
    const ofAda = { person: 'Ada', reason: 'enrolled', state: 'finished', found: 0, left_to_search: '0' };
    expect(await progress()).toMatchObject([ofAda]);
    // The first face of sample 1, which was stored before and matched nobody.
    const [zoe] = await database.rows(
      `with person as (insert into watchpost.person (name) values ('Zoe') returning id),
            entry as (
              insert into watchpost.watchlist_entry (watchlist_id, person_id)
              select w.id, p.id from watchpost.watchlist as w, person as p where w.name = 'missing'
            )
       select id from person`,
    );
    await database.rows('select watchpost.add_person_photo($1, $2, 1::smallint)', [zoe.id, sample(1)]);
    const found = await until(async () => {
      const [latest] = await progress();
      return latest.person === 'Zoe' && latest.state === 'finished' && latest;
    });
    expect(found).toMatchObject({ reason: 'enrolled', found: 3, left_to_search: '0' });
    const sightings = await run('retroactive-sightings.sql');
    expect(sightings).toMatchObject([
      { person: 'Zoe', location: 'Yard' },
      { person: 'Zoe', location: 'North gate' },
      { person: 'Zoe', location: 'North gate', image_id: photos.ada },
    ]);
  });

  it('faces-outranked.sql', async () => {
    expect(await run('faces-outranked.sql')).toEqual([]);
    // Sample 1 beside a smaller copy of itself: everybody is there twice.
    const { width = 0, height = 0 } = await sharp(sample(1)).metadata();
    const copy = await sharp(sample(1))
      .resize({ width: Math.round(width * 0.8) })
      .toBuffer();
    const twice = await sharp(sample(1))
      .extend({ right: width })
      .composite([{ input: copy, left: width, top: Math.round(height * 0.1) }])
      .jpeg()
      .toBuffer();
    await process(twice, 'north-gate');
    const outranked = await run('faces-outranked.sql');
    expect(outranked.map((row) => row.person).sort()).toEqual(['Ada', 'Zoe']);
    expect(outranked.filter((row) => !(Number(row.better_similarity) >= Number(row.similarity)))).toEqual([]);
  });

  it('cannot-link.sql', async () => {
    const [user] = await database.rows('select session_user as name');
    const sightings = () => database.rows(`select match_id from watchpost.sighting where person = 'Ada'`);
    const before = await sightings();
    expect(await run('cannot-link.sql')).toMatchObject([{ created_by: user.name }]);
    expect((await sightings()).length).toBe(before.length - 1);
    expect(await run('cannot-link.sql', (text) => text.replace(`:'person'`, `'Bea'`))).toEqual([]);
  });

  it('search-a-face.sql, where-else-a-face-was-seen.sql', async () => {
    const latest = await process(sample(1), 'north-gate');
    const people = await run('search-a-face.sql');
    expect(people[0]).toMatchObject({ watchlist: 'missing', reached: true, similarity: '1.000' });
    expect(people.map(({ person }) => person)).toContain('Ada');
    const [face] = await database.rows('select image_id from watchpost.face where id = $1', [
      people[0].face_id,
    ]);
    expect(face.image_id).toBe(latest);
    const seen = await run('where-else-a-face-was-seen.sql');
    expect(seen).toContainEqual(expect.objectContaining({ image_id: photos.ada, camera: 'north-gate' }));
    expect(seen).not.toContainEqual(expect.objectContaining({ image_id: latest }));
    expect(await database.rows('select reason from watchpost.access order by id desc limit 1')).toEqual([
      { reason: 'a stranger who looks like her' },
    ]);
  });
});
