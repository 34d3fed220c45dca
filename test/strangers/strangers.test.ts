import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectClient, untilBlocked } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { addKnownPerson, addModel, addReference } from '../support/fabricate.ts';
import { addUnknown, groupStrangers, searchAgain } from '../support/strangers.ts';
import { Vectors } from '../support/vectors.ts';

let database: TestDatabase;
const model = 'strangers';
const vectors = new Vectors(64, 3);

beforeAll(async () => {
  database = await freshDatabase();
  await addModel(database, model, 64);
  await database.rows(
    `insert into watchpost.camera (name, location) values ('gate', 'North gate'), ('yard', 'Yard')`,
  );
});

beforeEach(async () => {
  await database.rows('delete from watchpost.image');
  await database.rows('delete from watchpost.person');
  await database.rows('select watchpost.disable_strangers(true)');
  await database.rows(
    `select watchpost.enable_strangers(0.55, 3, interval '30 days', interval '30 minutes')`,
  );
});

/** Good views of one person, each so many minutes ago. */
const see = async (face: readonly number[], minutesAgo: readonly number[], camera = 'gate') => {
  const seen = [];
  for (const minutes of minutesAgo) {
    seen.push(
      await addUnknown(database, {
        model,
        vector: vectors.near(face, 0.9),
        camera,
        capturedAt: new Date(Date.now() - minutes * 60_000).toISOString(),
      }),
    );
  }
  return seen;
};
const day = 24 * 60;
const recurring = () =>
  database.rows('select * from watchpost.recurring_stranger order by faces desc, stranger_id');
const grouped = async () =>
  (
    await database.rows<{ face_id: string }>(
      'select face_id from watchpost.stranger_face where stranger_id is not null order by face_id',
    )
  ).map((row) => row.face_id);
const eventsOf = (topic: string) =>
  database.rows('select payload from watchpost.event where topic = $1 order by id desc', [topic]);

describe('a stranger', () => {
  it('with five visits in a week is one row, with visits, days, cameras and the best view', async () => {
    const face = vectors.any();
    const at = [4 * day, 3 * day, 2 * day, day, 60];
    const seen = [...(await see(face, at)), ...(await see(face, [4 * day - 10, 61], 'yard'))];
    await database.rows('update watchpost.embedding set norm = 20 where id = $1', [seen[3]?.embeddingId]);
    await see(vectors.any(), [5, 10]);
    await groupStrangers(database);
    expect(await recurring()).toEqual([
      {
        stranger_id: expect.any(String),
        visits: 5,
        days: expect.any(Number),
        faces: 7,
        first_seen: expect.any(Date),
        last_seen: expect.any(Date),
        cameras: ['gate', 'yard'],
        best_face_id: seen[3]?.faceId,
      },
    ]);
  });

  it('in fifty consecutive frames has one visit', async () => {
    const face = vectors.any();
    await see(
      face,
      Array.from({ length: 50 }, (_, i) => i / 60),
    );
    await groupStrangers(database);
    expect(await recurring()).toEqual([]);
    expect(await database.rows('select visit, faces from watchpost.stranger_visit')).toEqual([
      { visit: 1, faces: 50 },
    ]);
    await see(face, [40]);
    await groupStrangers(database);
    expect(await recurring()).toMatchObject([{ visits: 2, faces: 51 }]);
  });

  it('has no gated faces', async () => {
    const face = vectors.any();
    for (const gate of [['blurred'], ['small'], ['profile'], ['low_norm']]) {
      await addUnknown(database, { model, vector: vectors.near(face, 0.9), gate });
    }
    await groupStrangers(database);
    expect(await database.rows('select face_id from watchpost.stranger_face')).toEqual([]);
  });

  it('is found among faces searched before grouping was switched on, and not while it is off', async () => {
    await database.rows('select watchpost.disable_strangers()');
    await see(vectors.any(), [3 * day, 2 * day, day]);
    await groupStrangers(database);
    expect(await database.rows('select face_id from watchpost.stranger_face')).toEqual([]);
    await database.rows('select watchpost.enable_strangers()');
    await groupStrangers(database);
    expect(await recurring()).toMatchObject([{ visits: 3 }]);
  });

  it('keeps the group if its faces are searched again and still match nobody', async () => {
    const seen = await see(vectors.any(), [3 * day, 2 * day, day]);
    await groupStrangers(database);
    const before = await recurring();
    await searchAgain(
      database,
      seen.map((face) => face.embeddingId),
    );
    await groupStrangers(database);
    expect(await recurring()).toEqual(before);
  });
});

describe('two groups', () => {
  it('linked by a new face become the older one, to which the other id refers', async () => {
    const [older, younger] = [vectors.any(), vectors.any()];
    await see(older, [5 * day, 4 * day, 3 * day]);
    await groupStrangers(database);
    await see(younger, [2 * day, day, 60]);
    await groupStrangers(database);
    const [first, second] = (
      await database.rows<{ id: string }>('select id from watchpost.stranger order by id')
    ).map((row) => row.id);
    await database.rows(`select watchpost.enable_strangers(min_faces => 2)`);
    await groupStrangers(database);
    expect(await recurring(), 'another setting starts the grouping again').toHaveLength(2);
    expect(
      await database.rows('select id from watchpost.stranger where id = any ($1)', [[first, second]]),
    ).toEqual([]);

    const [a, b] = (await database.rows<{ id: string }>('select id from watchpost.stranger order by id')).map(
      (row) => row.id,
    );
    const between = older.map((x, i) => x + (younger[i] as number));
    const length = Math.hypot(...between);
    await addUnknown(database, { model, vector: between.map((x) => x / length) });
    await groupStrangers(database);
    expect(await recurring()).toMatchObject([{ stranger_id: a, faces: 7 }]);
    expect(await database.rows('select merged_into from watchpost.stranger where id = $1', [b])).toEqual([
      { merged_into: a },
    ]);
  });
});

describe('a face leaves its group', () => {
  it('when it matches somebody, and a group without a core is deleted', async () => {
    const face = vectors.any();
    const seen = await see(face, [3 * day, 2 * day, day]);
    await groupStrangers(database);
    expect(await grouped()).toHaveLength(3);
    const [list] = await database.rows(
      `insert into watchpost.watchlist (name) values ('wanted ' || gen_random_uuid()) returning id`,
    );
    const { personId } = await addKnownPerson(database, { name: 'Ada', model, vector: face });
    await database.rows(
      `insert into watchpost.match (search_id, face_id, person_id, watchlist_id, similarity, threshold)
       select s.id, s.face_id, $2, $3, 0.9, 0.45 from watchpost.search as s where s.face_id = $1`,
      [seen[0]?.faceId, personId, list.id],
    );
    await groupStrangers(database);
    expect(await grouped()).toEqual([]);
    expect(await database.rows('select id from watchpost.stranger')).toEqual([]);
    expect(await database.rows('select face_id, core from watchpost.stranger_face')).toHaveLength(2);
  });

  it('and with it the core of another group of which it was a border face', async () => {
    await database.rows('select watchpost.enable_strangers(0.8, 4)');
    await addModel(database, 'plane', 2);
    // In reach are 36.9 degrees. 0 and 60 have four faces in reach with the one at 31, which has three.
    const at = (degrees: number) => [
      Math.cos((degrees * Math.PI) / 180),
      Math.sin((degrees * Math.PI) / 180),
    ];
    const seen = new Map<number, string>();
    for (const degrees of [-30, -20, 0, 60, 80, 90, 31]) {
      const { imageId } = await addUnknown(database, { model: 'plane', vector: at(degrees) });
      seen.set(degrees, imageId);
    }
    await groupStrangers(database);
    expect(await grouped()).toHaveLength(7);
    expect(await database.rows('select id from watchpost.stranger')).toHaveLength(2);
    await database.rows('delete from watchpost.image where id = $1', [seen.get(31)]);
    await groupStrangers(database);
    expect(await grouped()).toEqual([]);
    expect(await database.rows('select id from watchpost.stranger')).toEqual([]);
  });

  it('when it enrols somebody, when a replay supersedes it, and when its photo is deleted', async () => {
    const face = vectors.any();
    const seen = await see(face, [6 * day, 5 * day, 4 * day, 3 * day, 2 * day, day]);
    await groupStrangers(database);
    const [enrolled, redone, deleted, ...rest] = seen;
    const { personId } = await addKnownPerson(database, { name: 'Ada', model, vector: vectors.any() });
    const reference = await addReference(database, { personId, model, vector: vectors.any() });
    await database.rows('update watchpost.reference set embedding_id = $1 where id = $2', [
      enrolled?.embeddingId,
      reference,
    ]);
    await database.rows('select watchpost.supersede_faces($1)', [[redone?.imageId]]);
    await database.rows('delete from watchpost.image where id = $1', [deleted?.imageId]);
    await groupStrangers(database);
    expect(await grouped()).toEqual(rest.map((one) => one.faceId).sort());
  });

  it('when it is older than the retention, also while grouping is off, which is recorded', async () => {
    await see(vectors.any(), [9 * day, 8 * day, 7.5 * day]);
    await see(vectors.any(), [3 * day, 2 * day, day]);
    await groupStrangers(database);
    expect(await recurring()).toHaveLength(2);
    await database.rows(`select watchpost.enable_strangers(retention => interval '7 days')`);
    await database.rows('select watchpost.disable_strangers()');
    await groupStrangers(database);
    expect(await recurring()).toHaveLength(1);
    const [forgotten] = await eventsOf('strangers.forgotten');
    expect(forgotten.payload).toEqual({ faces: 3, strangers: 1, by: expect.any(String) });
    await groupStrangers(database);
    expect((await eventsOf('strangers.forgotten'))[0], 'nothing was deleted, so there is no event').toEqual(
      forgotten,
    );
  });
});

describe.skipIf(!onServer)(`a run ${needsServer}`, () => {
  it('delays neither photos nor matches, and a second run waits for its end', async () => {
    const face = vectors.any();
    const seen = await see(face, [3 * day, 2 * day, day, 60]);
    const [list] = await database.rows(
      `insert into watchpost.watchlist (name) values ('wanted ' || gen_random_uuid()) returning id`,
    );
    const { personId } = await addKnownPerson(database, { name: 'Ada', model, vector: vectors.any() });
    const client = await connectClient(database);
    await client.query('begin');
    await client.query('select watchpost.group_strangers(3)');

    await see(face, [30]);
    await database.rows(
      `insert into watchpost.match (search_id, face_id, person_id, watchlist_id, similarity, threshold)
       select s.id, s.face_id, $2, $3, 0.9, 0.45 from watchpost.search as s where s.face_id = $1`,
      [seen[0]?.faceId, personId, list.id],
    );
    const second = groupStrangers(database);
    await untilBlocked(database);
    await client.query('commit');
    await second;
    const left = await grouped();
    expect(left).toHaveLength(4);
    expect(left).not.toContain(seen[0]?.faceId);
  });
});

describe('the setting', () => {
  it('is off by default', async () => {
    const fresh = await freshDatabase();
    expect(await fresh.rows('select enabled from watchpost.stranger_setting')).toEqual([{ enabled: false }]);
  });

  it('records every change with its caller and the new values, however it was made', async () => {
    await database.rows(`select watchpost.enable_strangers(retention => interval '14 days')`);
    const [enabled] = await eventsOf('strangers.changed');
    expect(enabled.payload).toEqual({
      enabled: true,
      similarity: 0.55,
      min_faces: 3,
      visit_gap: '00:30:00',
      by: expect.any(String),
    });
    expect((await eventsOf('retention.changed'))[0].payload).toMatchObject({
      relation: 'stranger',
      new: { age: '14 days' },
      by: expect.any(String),
    });
    const many = (await eventsOf('strangers.changed')).length;
    await database.rows('select watchpost.enable_strangers()');
    expect(await eventsOf('strangers.changed'), 'nothing has changed').toHaveLength(many);
    await database.rows('update watchpost.stranger_setting set enabled = false');
    expect((await eventsOf('strangers.changed'))[0].payload).toMatchObject({ enabled: false });
  });

  it.each([
    'similarity => 1.2',
    `similarity => 'NaN'`,
    'min_faces => 1',
    'min_faces => 70000',
    `retention => interval '-1 day'`,
    `retention => interval 'infinity'`,
    `visit_gap => interval '0'`,
  ])('refuses %s and stays unchanged', async (argument) => {
    const before = await database.rows('select * from watchpost.stranger_setting');
    await expect(database.rows(`select watchpost.enable_strangers(${argument})`)).rejects.toMatchObject({
      code: 'WP063',
    });
    expect(await database.rows('select * from watchpost.stranger_setting')).toEqual(before);
  });

  it('is applied by upkeep', async () => {
    await see(vectors.any(), [3 * day, 2 * day, day]);
    await database.rows(`update watchpost.upkeep_task set last_run = now() where task <> 'strangers'`);
    await database.rows(`update watchpost.upkeep_task set last_run = null where task = 'strangers'`);
    expect(await database.rows('select * from watchpost.upkeep()')).toEqual([
      { task: 'strangers', result: '3 faces taken in, 0 known now, 0 forgotten', error: null, rest_ms: null },
    ]);
    expect(await recurring()).toHaveLength(1);
  });
});

describe('enrol_stranger', () => {
  it.each([
    ['WP060', 'gen_random_uuid()', '{}'],
    ['WP062', '(select id from watchpost.stranger limit 1)', '{nowhere}'],
  ])('refuses with %s, and adds nobody', async (code, stranger, lists) => {
    await see(vectors.any(), [3 * day, 2 * day, day]);
    await groupStrangers(database);
    await expect(
      database.rows(`select watchpost.enrol_stranger(${stranger}, 'Nobody', null, $1)`, [lists]),
    ).rejects.toMatchObject({ code });
    expect(await database.rows('select id from watchpost.person')).toEqual([]);
  });

  it('uses the best view of each visit first', async () => {
    const seen = await see(vectors.any(), [3 * day, 3 * day - 1, 3 * day - 2, 2 * day, day]);
    const norms = [12, 11, 10, 3, 5];
    for (const [i, face] of seen.entries()) {
      await database.rows('update watchpost.embedding set norm = $1 where id = $2', [
        norms[i],
        face.embeddingId,
      ]);
    }
    await groupStrangers(database);
    const [best] = await database.rows(
      'select watchpost.best_of_stranger(stranger_id, 4) as faces from watchpost.recurring_stranger',
    );
    expect(best.faces).toEqual([0, 4, 3, 1].map((i) => seen[i]?.faceId));
  });
});
