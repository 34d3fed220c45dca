import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Delivery, handle } from '../../src/runner/handle.ts';
import { replay } from '../../src/runner/replay.ts';
import { alert } from '../../src/stages/alert.ts';
import { backfill } from '../../src/stages/backfill.ts';
import { detect } from '../../src/stages/detect.ts';
import { match } from '../../src/stages/match.ts';
import type { Tools } from '../../src/stages/stage.ts';
import { connectClient, untilBlocked } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { drain, owed } from '../support/drain.ts';
import { addFace, addKnownPerson, addModel } from '../support/fabricate.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, realVision, runWorker, submit, untilFinal } from '../support/pipeline.ts';
import { until } from '../support/until.ts';
import { Vectors } from '../support/vectors.ts';

const dimension = 64;
const self = { code: 'WP040' };
const first: Delivery = {
  ...{ workerId: '00000000-0000-7000-8000-000000000000', attempt: 1, mayRetry: true, redelivered: false },
};

describe('matching', () => {
  let database: TestDatabase;
  let tools: Tools & { database: TestDatabase };
  let model: string;
  let watchlistId: string;
  let ada: { vector: number[]; personId: string; referenceId: string };
  const vectors = new Vectors(dimension, 3);

  beforeAll(async () => {
    database = await freshDatabase();
    tools = { database, vision: await realVision() };
    model = await addModel(database, 'sixty-four-numbers', dimension);
  });

  // Each test has a separate list with Ada on it.
  beforeEach(async () => {
    await database.rows('update watchpost.watchlist set enabled = false');
    const [list] = await database.rows(
      `insert into watchpost.watchlist (name, threshold) values (watchpost.uuidv7()::text, 0.5) returning id`,
    );
    watchlistId = list.id;
    const vector = vectors.any();
    ada = {
      vector,
      ...(await addKnownPerson(database, { name: 'Ada', model, vector, watchlists: [watchlistId] })),
    };
    await drain(backfill, tools);
  });

  /** A face with about this cosine to Ada's; in the photo of another face if that is given. */
  const likeAda = async (cosine: number, photo?: { imageId: string }) => {
    const face = await addFace(database, { model, vector: vectors.near(ada.vector, cosine) });
    if (!photo) return face;
    await database.rows(
      `update watchpost.face as f set image_id = $1, ordinal = n.ordinal, box_x = 200 * n.ordinal
       from (select max(ordinal) + 1 as ordinal from watchpost.face where image_id = $1) as n where f.id = $2`,
      [photo.imageId, face.faceId],
    );
    return { ...face, imageId: photo.imageId };
  };
  const outcomes = async (...faces: { faceId: string }[]) =>
    Promise.all(
      faces.map(async ({ faceId }) => {
        const rows = await database.rows(
          `select s.outcome from watchpost.search as s where s.face_id = $1 and s.superseded_at is null`,
          [faceId],
        );
        return rows.map((row) => row.outcome).join();
      }),
    );
  const notAda = (faceId: string, personId = ada.personId) =>
    database.rows(
      'insert into watchpost.cannot_link (person_id, face_id, reason) values ($1, $2, $3) returning *',
      [...[personId, faceId, 'another man']],
    );
  const again = (imageId: string, stage = match) => replay(stage, { imageId }, tools, { dryRun: false });
  const standing = (imageId: string) =>
    database.rows(
      'select face_id, person_id from watchpost.match where image_id = $1 and superseded_at is null',
      [imageId],
    );

  it('records the lists and their versions, and both similarities', async () => {
    await database.rows('update watchpost.watchlist set version = 7 where id = $1', [watchlistId]);
    const face = await likeAda(0.8);
    await drain(match, tools);
    const [search] = await database.rows('select * from watchpost.search where face_id = $1', [face.faceId]);
    expect(search).toMatchObject({
      ...{ watchlists: [watchlistId], watchlist_versions: [7], person_id: ada.personId, retroactive: false },
      ...{ reference_id: ada.referenceId, reference_similarity: expect.closeTo(search.similarity, 3) },
    });
  });

  describe('one face for a person in a photo', () => {
    it('is the more similar one, in one batch and in two, in either order', async () => {
      const worse = await likeAda(0.7);
      const better = await likeAda(0.9, worse);
      await drain(match, tools);
      expect(await outcomes(worse, better)).toEqual(['outranked', 'match']);
      const third = await likeAda(0.8, worse);
      await drain(match, tools);
      expect(await outcomes(worse, better, third)).toEqual(['outranked', 'match', 'outranked']);
      expect(await standing(worse.imageId)).toEqual([{ face_id: better.faceId, person_id: ada.personId }]);
      expect(
        await database.rows('select superseded_because from watchpost.match where face_id = $1', [
          worse.faceId,
        ]),
        'what was thought at first is on record',
      ).toEqual([{ superseded_because: 'outranked' }]);
    });

    it('is the same in a replay', async () => {
      const worse = await likeAda(0.7);
      const better = await likeAda(0.9, worse);
      await drain(match, tools);
      expect(await again(worse.imageId)).toMatchObject({ events: 1, changed: 0 });
      expect(await outcomes(worse, better)).toEqual(['outranked', 'match']);
    });

    it.skipIf(!onServer)(`is the more similar one with two concurrent workers ${needsServer}`, async () => {
      const worse = await likeAda(0.7);
      const better = await likeAda(0.9, worse);
      const items = await owed(database, 'match');
      const holder = await connectClient(database);
      await holder.query('begin');
      await holder.query('select from watchpost.image where id = $1 for no key update', [worse.imageId]);
      const both = items.map((item) => handle(match, [item], tools, first));
      await untilBlocked(database, 2);
      await holder.query('commit');
      expect((await Promise.all(both)).flat()).toMatchObject([{ outcome: 'done' }, { outcome: 'done' }]);
      expect(await outcomes(worse, better)).toEqual(['outranked', 'match']);
    });

    it('and one person for a face are enforced by the database', async () => {
      const face = await likeAda(0.8);
      const beside = await likeAda(0.1, face);
      const bea = await addKnownPerson(database, { name: 'Bea', model, vector: vectors.any() });
      await drain(match, tools);
      const write = (faceId: string, personId: string) =>
        database.rows(
          `insert into watchpost.match (search_id, image_id, face_id, person_id, watchlist_id, similarity, threshold)
           values (watchpost.uuidv7(), $1, $2, $3, $4, 0.9, 0.5)`,
          [face.imageId, faceId, personId, watchlistId],
        );
      await expect(write(beside.faceId, ada.personId)).rejects.toMatchObject({
        constraint: 'match_one_face_a_person',
      });
      await expect(write(face.faceId, bea.personId)).rejects.toMatchObject({
        constraint: expect.stringMatching(/^match_(one_person_a_face|standing)$/),
      });
      await expect(write(face.faceId, ada.personId)).rejects.toMatchObject({ constraint: 'match_standing' });
    });
  });

  describe('a cannot_link', () => {
    it('withdraws the match and its alert at once, which is recorded', async () => {
      const face = await likeAda(0.8);
      await drain(match, tools);
      await drain(alert, tools);
      const [link] = await notAda(face.faceId);
      expect(await standing(face.imageId)).toEqual([]);
      expect(await outcomes(face)).toEqual(['cannot_link']);
      const events = await database.rows(
        `select topic, payload->>'because' as because from watchpost.event
         where payload->>'person_id' = $1 and topic ~ 'withdrawn|cannot_link' order by id`,
        [ada.personId],
      );
      expect(events).toEqual([
        { topic: 'match.withdrawn', because: 'cannot_link' },
        { topic: 'alert.withdrawn', because: 'no_match_left' },
        { topic: 'cannot_link.added', because: null },
      ]);
      expect(link.created_by).toBe('postgres');
      await database.rows('delete from watchpost.cannot_link where id = $1', [link.id]);
      expect(
        await database.rows(`select topic from watchpost.event where subject_id = $1 order by id`, [link.id]),
      ).toEqual([{ topic: 'cannot_link.added' }, { topic: 'cannot_link.removed' }]);
    });

    it('holds in a replay, and the face may match somebody else', async () => {
      const face = await likeAda(0.8);
      await drain(match, tools);
      await notAda(face.faceId);
      await drain(backfill, tools);
      expect(await again(face.imageId)).toMatchObject({ changed: 0 });
      const bea = await addKnownPerson(database, {
        ...{ name: 'Bea', model, watchlists: [watchlistId] },
        vector: vectors.near(ada.vector, 0.9),
      });
      expect(await again(face.imageId)).toMatchObject({ gained: 1 });
      expect(await standing(face.imageId)).toEqual([{ face_id: face.faceId, person_id: bea.personId }]);
    });

    it('rules out the same stranger in another photo, but not the person', async () => {
      const stranger = vectors.near(ada.vector, 0.7);
      const face = await addFace(database, { model, vector: stranger });
      await drain(match, tools);
      expect(await outcomes(face)).toEqual(['match']);
      await notAda(face.faceId);
      const [back, herself] = [
        await addFace(database, { model, vector: vectors.near(stranger, 0.9) }),
        await likeAda(0.9),
      ];
      await drain(match, tools);
      expect(await outcomes(back, herself)).toEqual(['cannot_link', 'match']);
    });

    it('withdraws the other sightings of that stranger too, and lets outranked faces match', async () => {
      const stranger = vectors.near(ada.vector, 0.85);
      const earlier = await addFace(database, { model, vector: vectors.near(stranger, 0.95) });
      const face = await addFace(database, { model, vector: stranger });
      const herself = await likeAda(0.7, face);
      await drain(match, tools);
      expect(await outcomes(earlier, face, herself)).toEqual(['match', 'match', 'outranked']);
      await notAda(face.faceId);
      await drain(backfill, tools);
      expect(await outcomes(earlier, face, herself)).toEqual(['cannot_link', 'cannot_link', 'match']);
    });

    it('lets the faces match again when it is removed', async () => {
      const stranger = vectors.near(ada.vector, 0.7);
      const face = await addFace(database, { model, vector: stranger });
      await drain(match, tools);
      const [link] = await notAda(face.faceId);
      const later = await addFace(database, { model, vector: vectors.near(stranger, 0.9) });
      await drain(match, tools);
      await drain(backfill, tools);
      expect(await outcomes(face, later)).toEqual(['cannot_link', 'cannot_link']);
      await database.rows('delete from watchpost.cannot_link where id = $1', [link.id]);
      await drain(backfill, tools);
      expect(await outcomes(face, later)).toEqual(['match', 'match']);
    });

    it("is refused for the person's own face", async () => {
      const own = await database.rows(
        'select e.face_id from watchpost.reference as r join watchpost.embedding as e on e.id = r.embedding_id where r.id = $1',
        [ada.referenceId],
      );
      await expect(notAda(own[0].face_id)).rejects.toMatchObject(self);
      const twoPeople = (other: string) =>
        database.rows('insert into watchpost.cannot_link (person_id, other_person_id) values ($1, $2)', [
          ...[ada.personId, other],
        ]);
      await expect(twoPeople(ada.personId)).rejects.toMatchObject(self);
      const bea = await addKnownPerson(database, { name: 'Bea', model, vector: vectors.any() });
      await twoPeople(bea.personId);
      await expect(
        database.rows('insert into watchpost.cannot_link (person_id, other_person_id) values ($1, $2)', [
          ...[bea.personId, ada.personId],
        ]),
        'the same, said the other way round',
      ).rejects.toMatchObject({ code: '23505' });
    });

    it('is not overruled by a search that began before', async () => {
      const face = await likeAda(0.8);
      const [item] = await owed(database, 'match');
      const slow: typeof match = {
        ...match,
        async work(items, given) {
          const worked = await match.work(items, given);
          await notAda(face.faceId);
          return worked;
        },
      };
      expect(await handle(slow, [item!], tools, first)).toMatchObject([
        { outcome: 'retry', code: 'match_ruled_out' },
      ]);
      expect(await handle(match, [item!], tools, first)).toMatchObject([{ outcome: 'done' }]);
      expect(await outcomes(face)).toEqual(['cannot_link']);
    });
  });

  it('violates no invariant', async () => {
    await drain(backfill, tools);
    await drain(match, tools);
    await drain(alert, tools);
    expect(await database.rows('select * from watchpost.invariant')).toEqual([]);
  });
});

describe('a cannot_link, in real photos', () => {
  it('holds when the photo is processed again and its faces are new rows', async () => {
    const database = await freshDatabase();
    const vision = await realVision();
    await runWorker(database, vision);
    const { personId } = await enrolAda(database);
    const imageId = await submit(database, sample(1));
    await untilFinal(database, imageId);
    const [seen] = await database.rows('select face_id from watchpost.match');
    await database.rows('insert into watchpost.cannot_link (person_id, face_id) values ($1, $2)', [
      personId,
      seen.face_id,
    ]);
    // A replay finds a missing face again, and the others with it.
    await database.rows('delete from watchpost.face where image_id = $1 and ordinal = 1', [imageId]);
    expect(await replay(detect, { imageId }, { database, vision }, { dryRun: false })).toMatchObject({
      gained: 1,
    });
    await untilFinal(database, imageId);
    const found = await until(async () => {
      const rows = await database.rows(
        `select s.outcome, s.face_id from watchpost.search as s join watchpost.face as f on f.id = s.face_id
         where f.image_id = $1 and s.superseded_at is null and f.superseded_at is null order by f.ordinal`,
        [imageId],
      );
      return rows.length === 3 && rows;
    });
    expect(found.map((row) => row.outcome)).toEqual(['below_threshold', 'below_threshold', 'cannot_link']);
    expect(found[2]?.face_id, 'a new row').not.toBe(seen.face_id);
    expect(await database.rows('select id from watchpost.match where superseded_at is null')).toEqual([]);
    expect(await database.rows('select * from watchpost.invariant')).toEqual([]);
  });
});
