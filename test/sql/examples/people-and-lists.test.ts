import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../support/database.ts';
import { examplesIn, openNorthGate, type RunExample, withPhoto } from '../../support/examples.ts';
import { sample } from '../../support/photos.ts';
import { submit, untilFinal } from '../../support/pipeline.ts';
import { until } from '../../support/until.ts';

describe('sql/examples of people and lists', () => {
  let database: TestDatabase;
  let run: RunExample;

  beforeAll(async () => {
    database = await freshDatabase();
    run = examplesIn(database);
    await openNorthGate(database);
    await untilFinal(database, await submit(database, sample(1)));
    await untilFinal(database, await submit(database, sample(5), 'north-gate'));
  });

  it('enrol-a-person.sql, then forget-a-person.sql', async () => {
    // The one face of sample 3 that stands alone when the left third is cut out.
    const { width = 0, height = 0 } = await sharp(sample(3)).metadata();
    const alone = await sharp(sample(3))
      .extract({ left: 0, top: 0, width: Math.round(width * 0.36), height })
      .toBuffer();
    const [photo] = await run('enrol-a-person.sql', withPhoto(alone));
    expect(await untilFinal(database, photo.image_id)).toMatchObject({ state: 'done', faces: 1 });
    const known = () =>
      database.rows(`
        select p.name, w.name as watchlist, count(r.id)::int as "references"
        from watchpost.person as p
        join watchpost.watchlist_entry as e on e.person_id = p.id
        join watchpost.watchlist as w on w.id = e.watchlist_id
        join watchpost.reference as r on r.person_id = p.id
        group by 1, 2 order by 1
      `);
    expect(await known()).toEqual([
      { name: 'Ada', watchlist: 'missing', references: 1 },
      { name: 'Grace', watchlist: 'wanted', references: 1 },
    ]);

    expect(await run('forget-a-person.sql')).toMatchObject([{ name: 'Grace', photos: '1' }]);
    expect(await known()).toMatchObject([{ name: 'Ada' }]);
    expect(await database.rows('select id from watchpost.image where id = $1', [photo.image_id])).toEqual([]);
  });

  it('lists-in-force.sql', async () => {
    await database.rows(
      `insert into watchpost.watchlist (name, severity, enabled, valid_from, valid_until) values
         ('off', 'critical', false, null, null), ('to come', 'critical', true, now() + interval '1 day', null),
         ('urgent', 'critical', true, now() - interval '1 day', now() + interval '1 day')`,
    );
    const lists = await run('lists-in-force.sql');
    expect(lists.map((list) => list.name)).toEqual(['urgent', 'wanted', 'missing']);
    expect(lists.at(-1)).toMatchObject({ severity: 'warning', people: '1', reviewers: 1 });
  });

  it('due-within-a-day.sql and who-looked.sql', async () => {
    await database.rows(
      `select watchpost.record_access('crop', 'face', f.id, 'a test')
       from watchpost.person as p
       join watchpost.reference as r on r.person_id = p.id
       join watchpost.embedding as e on e.id = r.embedding_id
       join watchpost.face as f on f.id = e.face_id
       where p.name = 'Ada'`,
    );
    expect(await run('who-looked.sql')).toMatchObject([{ action: 'crop', reason: 'a test', times: 1 }]);
    expect(await run('due-within-a-day.sql')).toEqual([]);
    await database.rows(`select watchpost.set_retention('image', age => '1 hour')`);
    expect(await run('due-within-a-day.sql')).toMatchObject([
      { relation: 'image', action: 'delete', held_by: 'alert', rows: '1' },
      { relation: 'image', action: 'delete', held_by: null, rows: '1' },
    ]);
    await database.rows(`select watchpost.set_retention('image', age => '48 hours')`);
  });

  it('people-on-several-lists.sql', async () => {
    expect(await run('people-on-several-lists.sql')).toEqual([]);
    await database.rows(
      `insert into watchpost.watchlist_entry (watchlist_id, person_id)
       select w.id, p.id from watchpost.watchlist as w cross join watchpost.person as p
       where w.name = 'urgent' and p.name = 'Ada'`,
    );
    expect(await run('people-on-several-lists.sql')).toMatchObject([
      { name: 'Ada', watchlists: ['missing', 'urgent'], photos: '1' },
    ]);
  });

  it('enrol-a-seen-face.sql, then changes-of-a-list.sql', async () => {
    const [photo] = await run('enrol-a-seen-face.sql');
    const state = async () =>
      (
        await database.rows('select state from watchpost.photo_status where person_photo_id = $1', [
          photo.person_photo_id,
        ])
      )[0].state;
    // Whoever the face shows, the gate accepts or refuses it.
    await until(async () => ['enrolled', 'refused'].includes(await state()));
    const changes = await run('changes-of-a-list.sql');
    expect(changes.map((row) => row.change)).toEqual([
      'added Stranger at the north gate',
      'updated',
      'added Ada',
      'created',
    ]);
    expect(changes[1]).toMatchObject({ new: { name: 'missing' }, by: expect.any(String) });
    expect(changes.map((row) => Number(row.version))).toEqual([4, 3, 2, 1]);
  });

  it('photos-refused.sql', async () => {
    const [person] = await database.rows(`insert into watchpost.person (name) values ('Many') returning id`);
    const [photo] = await database.rows('select * from watchpost.add_person_photo($1, $2)', [
      person.id,
      sample(3),
    ]);
    await untilFinal(database, photo.image_id);
    expect(await run('photos-refused.sql')).toMatchObject([
      {
        person: 'Many',
        code: 'faces_several',
        message: expect.stringMatching(/3 faces/),
        image_id: photo.image_id,
      },
    ]);
  });

  it('remove-a-photo.sql', async () => {
    const [removed] = await run('remove-a-photo.sql');
    expect(removed).toMatchObject({ person: 'Ada', removed: true });
    expect(Number(removed.matches_withdrawn)).toBeGreaterThan(0);
    expect(
      await database.rows(
        `select from watchpost.match as m join watchpost.reference as r on r.id = m.reference_id
         where r.person_photo_id = $1 and m.superseded_at is null`,
        [removed.person_photo_id],
      ),
    ).toEqual([]);
    expect(await run('remove-a-photo.sql'), 'there is no other').toEqual([]);
  });

  it('duplicates.sql, merge-two-people.sql, undo-a-merge.sql', async () => {
    await database.rows(
      `insert into watchpost.person (name, external_ref) values ('Gil', 'case-1234'), ('Gilles', 'case-5678')`,
    );
    const add = async (ref: string) => {
      const [photo] = await database.rows(
        `select a.* from watchpost.person as p cross join lateral watchpost.add_person_photo(p.id, $2, 1::smallint) as a
         where p.external_ref = $1`,
        [ref, sample(6)],
      );
      await untilFinal(database, photo.image_id);
      return photo.person_photo_id;
    };
    await add('case-1234');
    const refused = await add('case-5678');
    expect(await run('duplicates.sql')).toMatchObject([
      { person: 'Gilles', looks_like: 'Gil', state: 'refused', person_photo_id: refused },
    ]);
    const [merge] = await run('merge-two-people.sql');
    expect(merge).toMatchObject({ merged_by: 'postgres', moved: { person_photo: 1 } });
    const state = async () =>
      (
        await database.rows('select state from watchpost.photo_status where person_photo_id = $1', [refused])
      )[0].state;
    await until(async () => (await state()) === 'enrolled');
    expect(await run('undo-a-merge.sql')).toMatchObject([
      { merge_id: merge.merge_id, undone_by: 'postgres' },
    ]);
    expect(
      await database.rows(
        `select e.external_ref from watchpost.person_photo as p join watchpost.person as e on e.id = p.person_id
         where p.id = $1`,
        [refused],
      ),
    ).toEqual([{ external_ref: 'case-5678' }]);
  });
});
