import { beforeAll, describe, expect, it } from 'vitest';
import { alert } from '../../src/stages/alert.ts';
import { backfill, backfillOf } from '../../src/stages/backfill.ts';
import { match } from '../../src/stages/match.ts';
import type { Tools } from '../../src/stages/stage.ts';
import { connectClient, untilBlocked } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { drain, owed } from '../support/drain.ts';
import { addFace, addKnownPerson, addModel, addPastFaces, addReference } from '../support/fabricate.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, realVision, runWorker, submit, untilFinal } from '../support/pipeline.ts';
import { startWorkerProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { Vectors } from '../support/vectors.ts';

const dimension = 64;

/** A database with a model, a camera and a list, without a worker. */
const prepare = async () => {
  const database = await freshDatabase();
  const model = await addModel(database, 'sixty-four-numbers', dimension);
  await database.rows(`insert into watchpost.camera (name, location) values ('gate', 'North gate')`);
  const [list] = await database.rows(
    `insert into watchpost.watchlist (name, threshold) values ('wanted', 0.5) returning id`,
  );
  return { database, model, watchlistId: list.id as string, vectors: new Vectors(dimension, 11) };
};

const untilBackfilled = (database: TestDatabase) =>
  until(async () => {
    const rows = await database.rows('select finished_at from watchpost.backfill');
    return rows.length > 0 && rows.every((row) => row.finished_at);
  });

describe('a backfill', () => {
  let database: TestDatabase;
  let tools: Tools & { database: TestDatabase };
  let model: string;
  let watchlistId: string;
  let vectors: Vectors;
  /** Who was there all the time: every fortieth of 1,000 faces. */
  let ada: number[];
  let past: string[];
  let adaId: string;
  /** A face that one photo of hers alone does not find. */
  let hidden: string | undefined;
  const small = backfillOf({
    compare: 300,
    search: 10,
    halves: { from: 1_000_000, quietSeconds: 0 },
    compareWhileLive: 300,
  });

  beforeAll(async () => {
    ({ database, model, watchlistId, vectors } = await prepare());
    tools = { database, vision: await realVision() };
    ada = vectors.any();
    past = await addPastFaces(database, {
      ...{ model, camera: 'gate', since: '2026-01-05T12:00:00Z' },
      vectors: Array.from({ length: 1000 }, (_, n) =>
        n % 40 === 7 ? vectors.near(ada, 0.8) : vectors.any(),
      ),
    });
  });

  const seenOf = async (person: string) =>
    (
      await database.rows<{ id: string }>(
        `select e.id from watchpost.match as m join watchpost.embedding as e on e.face_id = m.face_id
         where m.person_id = $1 and m.superseded_at is null order by e.id`,
        [person],
      )
    ).map((row) => row.id);

  it('does nothing for a person on no list', async () => {
    const nobody = await addKnownPerson(database, { name: 'On no list', model, vector: ada });
    expect(await drain(small, tools)).toBe(1);
    expect(await database.rows('select id from watchpost.backfill')).toEqual([]);
    await database.rows('delete from watchpost.person where id = $1', [nobody.personId]);
    await drain(small, tools);
    expect(await database.rows('select id from watchpost.backfill')).toEqual([]);
  });

  it('finds every earlier sighting of an enrolled person, newest first, in batches', async () => {
    const person = await addKnownPerson(database, {
      name: 'Ada',
      model,
      vector: ada,
      watchlists: [watchlistId],
    });
    adaId = person.personId;
    expect(await drain(small, tools, 3), 'listed, begun, and one batch').toBe(3);
    const first = await seenOf(adaId);
    expect(first, 'the newest').toEqual(past.filter((_, n) => n % 40 === 7).slice(-first.length));
    const [sofar] = await database.rows('select searched, found, finished_at from watchpost.backfill');
    expect(sofar).toMatchObject({ found: first.length, finished_at: null });

    expect(await drain(small, tools), 'continuations').toBeGreaterThanOrEqual(3);
    expect(await seenOf(adaId)).toEqual(past.filter((_, n) => n % 40 === 7));
    expect(await database.rows('select reason, searched, found from watchpost.backfill')).toEqual([
      { reason: 'enrolled', searched: expect.any(Number), found: 25 },
    ]);
  });

  it('raises alerts marked as retroactive, one for each episode', async () => {
    await drain(alert, tools);
    expect(
      await database.rows(
        'select person_id, sightings, retroactive from watchpost.alert where withdrawn_at is null',
      ),
    ).toEqual([{ person_id: adaId, sightings: 25, retroactive: true }]);
    expect(
      await database.rows(
        `select distinct payload->'retroactive' as retroactive from watchpost.event where topic = 'alert.raised'`,
      ),
    ).toEqual([{ retroactive: true }]);
    expect(
      await database.rows(
        `select outcome, count(*)::int as n from watchpost.search where superseded_at is null and retroactive group by 1`,
      ),
    ).toEqual([{ outcome: 'match', n: 25 }]);
  });

  it('gives a live sighting its own alert, which later matches of that episode join', async () => {
    const at = '2026-01-05T12:05:00Z';
    await addFace(database, { model, vector: vectors.near(ada, 0.8), camera: 'gate', capturedAt: at });
    await drain(match, tools);
    await drain(alert, tools);
    const alerts = () =>
      database.rows(
        `select sightings, retroactive from watchpost.alert where person_id = $1 and withdrawn_at is null order by 2`,
        [adaId],
      );
    expect(await alerts()).toEqual([
      { sightings: 1, retroactive: false },
      { sightings: 25, retroactive: true },
    ]);
  });

  it('searches again when a photo is added, and keeps earlier matches', async () => {
    const before = await database.rows('select id, superseded_at from watchpost.match order by id');
    const disguised = vectors.near(ada, 0.2);
    [hidden] = await addPastFaces(database, {
      ...{ model, camera: 'gate', since: '2026-02-01T12:00:00Z' },
      vectors: [vectors.near(disguised, 0.8)],
    });
    await addReference(database, { personId: adaId, model, vector: disguised });
    await drain(small, tools);
    expect(
      await database.rows('select id, superseded_at from watchpost.match order by id limit $1', [
        before.length,
      ]),
    ).toEqual(before);
    expect(await seenOf(adaId)).toContain(hidden);
    const [latest] = await database.rows('select found from watchpost.backfill order by id desc limit 1');
    expect(latest).toEqual({ found: 1 });
  });

  it('searches for a person added to a list, and takes a face from a less similar person', async () => {
    const [list] = await database.rows(
      `insert into watchpost.watchlist (name, threshold) values ('another', 0.5) returning id`,
    );
    // The hidden face itself, so nearer than Ada.
    const [face] = await database.rows('select vector::text from watchpost.embedding where id = $1', [
      hidden,
    ]);
    const bea = await addKnownPerson(database, { name: 'Bea', model, vector: JSON.parse(face.vector) });
    await drain(small, tools);
    expect(await seenOf(bea.personId)).toEqual([]);
    await database.rows('insert into watchpost.watchlist_entry (watchlist_id, person_id) values ($1, $2)', [
      list.id,
      bea.personId,
    ]);
    // The event that the enrolment of people writes when somebody is put on a list.
    await database.rows(
      `insert into watchpost.event (topic, subject_id, payload, tasks)
       select 'watchlist.person_added', $1::uuid,
              jsonb_build_object('watchlist_id', $1::uuid, 'person_id', $2::uuid, 'version', 2),
              watchpost.subscribers('watchlist.person_added')
       where not exists (
         select from watchpost.event where topic = 'watchlist.person_added' and payload->>'person_id' = $2::text
       )`,
      [list.id, bea.personId],
    );
    await drain(small, tools);
    expect(await seenOf(bea.personId)).toEqual([hidden]);
    expect(await seenOf(adaId)).toHaveLength(26);
    expect(
      await database.rows(
        `select superseded_because, retroactive from watchpost.match where superseded_at is not null`,
      ),
    ).toEqual([{ superseded_because: 'backfill', retroactive: true }]);
  });

  it('searches again for faces whose match depended on a removed photo', async () => {
    const bea = await database.rows(`select id from watchpost.person where name = 'Bea'`);
    const references = await database.rows<{ id: string }>(
      `update watchpost.reference set superseded_at = now() where person_id = $1 returning id`,
      [bea[0].id],
    );
    await database.rows(
      `select watchpost.supersede_matches(array(
         select id from watchpost.match where reference_id = any ($1) and superseded_at is null
       ), 'photo_removed')`,
      [references.map((row) => row.id)],
    );
    await database.rows(
      `insert into watchpost.event (topic, subject_id, payload, tasks)
       select 'photo.removed', $1::uuid, jsonb_build_object('person_id', $1::uuid, 'reference_ids', $2::uuid[]),
              watchpost.subscribers('photo.removed')`,
      [bea[0].id, references.map((row) => row.id)],
    );
    await drain(small, tools);
    await drain(alert, tools);
    expect(await seenOf(bea[0].id)).toEqual([]);
    expect(await seenOf(adaId), 'the face is hers again').toHaveLength(27);
  });

  it('violates no invariant, and searches no face twice', async () => {
    expect(await database.rows('select * from watchpost.invariant')).toEqual([]);
  });
});

describe('a backfill in two sessions, while no photos arrive', () => {
  it.each([
    { compare: 10_000, search: 200, batches: 1 },
    { compare: 10_000, search: 9, batches: 2 },
    { compare: 260, search: 200, batches: 4 },
  ])(
    'finds each sighting once: batches of $compare, $search of them near',
    async ({ compare, search, batches }) => {
      const { database, model, watchlistId, vectors } = await prepare();
      const tools = { database, vision: await realVision() };
      const ada = vectors.any();
      const past = await addPastFaces(database, {
        ...{ model, camera: 'gate', since: '2026-01-05T12:00:00Z' },
        vectors: Array.from({ length: 1000 }, (_, n) =>
          n % 40 === 7 ? vectors.near(ada, 0.8) : vectors.any(),
        ),
      });
      await database.rows('analyze watchpost.embedding');
      await addKnownPerson(database, { name: 'Ada', model, vector: ada, watchlists: [watchlistId] });
      const halving = backfillOf({
        compare,
        search,
        halves: { from: 1000, quietSeconds: 0 },
        compareWhileLive: 300,
      });
      expect(await drain(halving, tools), 'listed, begun, and the batches').toBe(2 + batches);
      expect(
        await database.rows(
          `select e.id from watchpost.match as m join watchpost.embedding as e on e.face_id = m.face_id order by e.id`,
        ),
      ).toEqual(past.filter((_, n) => n % 40 === 7).map((id) => ({ id })));
      expect(await database.rows('select found, searched, cursor from watchpost.backfill')).toEqual([
        { found: 25, searched: 1001, cursor: batches > 1 ? expect.any(String) : null },
      ]);
    },
  );
});

describe('a backfill while photos arrive', () => {
  it('uses small batches, and finds the same', async () => {
    const { database, model, watchlistId, vectors } = await prepare();
    const tools = { database, vision: await realVision() };
    const ada = vectors.any();
    await addPastFaces(database, {
      ...{ model, camera: 'gate', since: '2026-01-05T12:00:00Z' },
      vectors: Array.from({ length: 90 }, (_, n) => (n % 40 === 7 ? vectors.near(ada, 0.8) : vectors.any())),
    });
    await addKnownPerson(database, { name: 'Ada', model, vector: ada, watchlists: [watchlistId] });
    await addFace(database, { model, vector: vectors.any(), camera: 'gate' });
    const sparing = backfillOf({
      compare: 1000,
      search: 10,
      halves: { from: 1000, quietSeconds: 3600 },
      compareWhileLive: 30,
    });
    // The past faces, the reference's own and the new one: four batches.
    expect(await drain(sparing, tools), 'listed, begun, and the batches').toBe(2 + 4);
    expect(await database.rows('select found, searched from watchpost.backfill')).toEqual([
      { found: 3, searched: 92 },
    ]);
  });
});

describe('a face whose own match is pending', () => {
  it('is matched once, as live, whether the backfill runs first or last', async () => {
    const { database, model, watchlistId, vectors } = await prepare();
    const tools = { database, vision: await realVision() };
    const ada = vectors.any();
    const early = await addFace(database, { model, vector: vectors.near(ada, 0.8), camera: 'gate' });
    const [item] = await owed(database, 'match');
    // A worker has compared it, and then the person is enrolled and the past is searched, before it writes.
    const worked = await match.work([item as never], tools);
    await addKnownPerson(database, { name: 'Ada', model, vector: ada, watchlists: [watchlistId] });
    await drain(backfill, tools);
    expect(worked).toMatchObject([{ value: { decision: { outcome: 'nobody' } } }]);
    expect(await owed(database, 'match'), 'taken over').toEqual([]);
    await drain(alert, tools);
    expect(
      await database.rows(
        `select s.outcome, s.retroactive, s.superseded_at, m.face_id, a.retroactive as of_alert
         from watchpost.search as s left join watchpost.match as m on m.search_id = s.id
         left join watchpost.alert_match as am on am.match_id = m.id left join watchpost.alert as a on a.id = am.alert_id`,
      ),
    ).toEqual([
      { outcome: 'match', retroactive: false, superseded_at: null, face_id: early.faceId, of_alert: false },
    ]);
    expect(await database.rows('select * from watchpost.invariant')).toEqual([]);
  });
});

describe('a backfill with a worker', () => {
  it('finds the photo that arrived before the person was enrolled, and notifies nobody', async () => {
    const database = await freshDatabase();
    await runWorker(database, await realVision());
    const earlier = await submit(database, sample(1));
    await untilFinal(database, earlier);
    expect(await database.rows('select id from watchpost.match')).toEqual([]);
    await enrolAda(database);
    await untilBackfilled(database);
    const found = await until(async () => {
      const rows = await database.rows(
        'select s.person, s.image_id, a.retroactive from watchpost.sighting as s join watchpost.alert as a on a.id = s.alert_id',
      );
      return rows.length > 0 && rows;
    });
    expect(found).toEqual([{ person: 'Ada', image_id: earlier, retroactive: true }]);
    expect(await database.rows('select searched, found from watchpost.backfill')).toEqual([
      { searched: 6, found: 1 },
    ]);
  });

  it.skipIf(!onServer)(
    `is resumed by another worker when the one that is at it is killed ${needsServer}`,
    { timeout: 120_000 },
    async () => {
      const { database, model, watchlistId, vectors } = await prepare();
      const ada = vectors.any();
      await addPastFaces(database, {
        ...{ model, camera: 'gate', since: '2026-01-05T12:00:00Z' },
        vectors: Array.from({ length: 500 }, (_, n) => (n % 2 ? vectors.near(ada, 0.8) : vectors.any())),
      });
      await addKnownPerson(database, { name: 'Ada', model, vector: ada, watchlists: [watchlistId] });
      // The first batch has written its matches, and is stopped before it records its cursor.
      const holder = await connectClient(database);
      const doomed = await startWorkerProcess(database.url);
      await until(async () => (await database.rows('select id from watchpost.backfill')).length > 0);
      await holder.query('begin');
      await holder.query('select from watchpost.backfill for update');
      const done = () => database.rows('select found, finished_at from watchpost.backfill');
      await Promise.race([untilBlocked(database), until(async () => (await done())[0]?.finished_at)]);
      doomed.child.kill('SIGKILL');
      await holder.query('commit');
      await startWorkerProcess(database.url);
      await untilBackfilled(database);
      expect(await done()).toMatchObject([{ found: 250 }]);
      expect(
        await database.rows(
          'select count(*)::int as matches, count(distinct face_id)::int as faces from watchpost.match where superseded_at is null',
        ),
      ).toEqual([{ matches: 250, faces: 250 }]);
      const alerts = () =>
        database.rows('select sightings, retroactive from watchpost.alert where withdrawn_at is null');
      await until(async () => (await alerts())[0]?.sightings === 250);
      expect(await alerts()).toEqual([{ sightings: 250, retroactive: true }]);
      expect(await database.rows('select * from watchpost.invariant')).toEqual([]);
    },
  );
});
