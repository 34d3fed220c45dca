import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Delivery, handle } from '../../src/runner/handle.ts';
import { replay } from '../../src/runner/replay.ts';
import { alert } from '../../src/stages/alert.ts';
import { backfill } from '../../src/stages/backfill.ts';
import { match } from '../../src/stages/match.ts';
import type { Tools } from '../../src/stages/stage.ts';
import { track } from '../../src/stages/track.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { drain, drainAll, owed } from '../support/drain.ts';
import { addKnownPerson } from '../support/fabricate.ts';
import { filming } from '../support/frames.ts';
import { realVision } from '../support/pipeline.ts';
import type { Vectors } from '../support/vectors.ts';

const first: Delivery = {
  ...{ workerId: '00000000-0000-7000-8000-000000000000', attempt: 1, mayRetry: true, redelivered: false },
};

/** The sum of vectors by their weights. */
const mix = (...parts: [weight: number, vector: readonly number[]][]): number[] =>
  parts[0]![1].map((_, at) => parts.reduce((sum, [weight, vector]) => sum + weight * vector[at]!, 0));
/** Unit vectors at a right angle to one, and to each other. */
const apart = (from: readonly number[], vectors: Vectors, many: number): number[][] => {
  const made: number[][] = [];
  while (made.length < many) {
    let vector = vectors.any();
    for (const other of [from, ...made])
      vector = mix([1, vector], [-vector.reduce((sum, x, at) => sum + x * other[at]!, 0), other]);
    made.push(vector.map((x) => x / Math.hypot(...vector)));
  }
  return made;
};

let database: TestDatabase;
let tools: Tools & { database: TestDatabase };

beforeAll(async () => {
  database = await freshDatabase();
  tools = { database, vision: await realVision() };
});

const work = () => drainAll([backfill, track, match, alert], tools);
beforeEach(work);
const tracksOf = (faces: { faceId: string }[]) =>
  database
    .rows('select id, track_id from watchpost.face where id = any ($1)', [faces.map((face) => face.faceId)])
    .then((rows) => {
      const by = new Map(rows.map((row) => [row.id, row.track_id]));
      return faces.map((face) => by.get(face.faceId));
    });
const count = async (statement: string, values: unknown[]) =>
  (await database.rows(`select count(*)::int as n from ${statement}`, values))[0].n as number;
const searchesOf = (trackId: string) =>
  count('watchpost.search as s join watchpost.face as f on f.id = s.face_id where f.track_id = $1', [
    trackId,
  ]);

describe('a camera without a frame rate', () => {
  it('makes no tracks: each face is matched by itself', async () => {
    const film = await filming(database, { rate: null });
    const vector = film.vectors.any();
    await film.frame(0, { vector });
    await film.frame(0.1, { vector });
    expect(await drain(track, tools)).toBe(0);
    expect(await drain(match, tools)).toBe(2);
    expect(await film.tracks()).toEqual([]);
  });
});

describe('a track', () => {
  it('ties the faces of one person over frames, and is searched once', async () => {
    const film = await filming(database);
    const person = film.vectors.any();
    const faces = [];
    for (let n = 0; n < 20; n++) {
      faces.push(...(await film.frame(n / 10, { vector: film.vectors.near(person, 0.9), x: 100 + 20 * n })));
    }
    await work();
    const [made, ...others] = await film.tracks();
    expect(others).toEqual([]);
    expect(made).toMatchObject({ faces: 20, looks: 20, since: 0, until: expect.closeTo(1.9, 2) });
    expect(made.best).toHaveLength(8);
    expect(new Set(await tracksOf(faces))).toEqual(new Set([made.id]));
    expect(await searchesOf(made.id)).toBeLessThan(4);
    expect(
      await count('watchpost.search where face_id = any ($1) and superseded_at is null', [
        faces.map((face) => face.faceId),
      ]),
      'one search of it stands',
    ).toBe(1);
  });

  it('is of one person: two who cross are two, and so is another one at the same place after a cut', async () => {
    const film = await filming(database);
    const [ada, bea, cem] = [film.vectors.any(), film.vectors.any(), film.vectors.any()];
    const left: { faceId: string }[] = [];
    const right: { faceId: string }[] = [];
    for (let n = 0; n <= 10; n++) {
      const [a, b] = await film.frame(
        n / 10,
        { vector: film.vectors.near(ada, 0.8), x: 100 + 60 * n },
        { vector: film.vectors.near(bea, 0.8), x: 700 - 60 * n },
      );
      left.push(a!);
      right.push(b!);
    }
    const cut = await film.frame(1.1, { vector: cem, x: 700 });
    await drain(track, tools);
    expect(await film.tracks()).toHaveLength(3);
    expect(new Set(await tracksOf(left)).size).toBe(1);
    expect(new Set(await tracksOf(right)).size).toBe(1);
    expect(await tracksOf(cut)).not.toContain((await tracksOf(left))[0]);
  });

  it('ends when nobody is found for as long as the camera says', async () => {
    const film = await filming(database, { gap: '3 seconds' });
    const vector = film.vectors.any();
    await film.frame(0, { vector });
    await film.frame(2.9, { vector });
    await film.frame(6, { vector });
    await drain(track, tools);
    expect((await film.tracks()).map(({ faces }) => faces)).toEqual([2, 1]);
  });

  it('is the same whatever the order in which its frames come', async () => {
    const film = await filming(database);
    const vector = film.vectors.any();
    for (const second of [4, 0, 8, 1, 5, 3, 7, 2, 6]) {
      await film.frame(second, { vector: film.vectors.near(vector, 0.9) });
      await work();
    }
    const tracks = await film.tracks();
    expect(tracks).toMatchObject([{ faces: 9, looks: 9, since: 0, until: 8 }]);
    const joined = await database.rows(
      `select payload ->> 'joined_id' as id from watchpost.event where topic = 'track.joined' and subject_id = $1`,
      [tracks[0].id],
    );
    expect(joined.length, 'which tracks were one is on record').toBeGreaterThan(0);
    expect(await count('watchpost.invariant', [])).toBe(0);
  });

  it('keeps a frame that is delivered twice out of it', async () => {
    const film = await filming(database);
    const vector = film.vectors.any();
    await film.frame(0, { vector });
    const [item] = await owed(database, 'track');
    await handle(track, [item!], tools, first);
    const [again] = await handle(track, [item!], tools, first);
    expect(again).toMatchObject({ outcome: 'done_before' });
    expect(await film.tracks()).toMatchObject([{ faces: 1, revision: 1 }]);
  });

  it.skipIf(!onServer)(`is one with several workers at once ${needsServer}`, async () => {
    const film = await filming(database);
    const vector = film.vectors.any();
    for (let n = 0; n < 24; n++) await film.frame(n, { vector: film.vectors.near(vector, 0.9) });
    const items = await owed(database, 'track');
    const shuffled = items.map((_, at) => items[(at * 7) % items.length]!);
    await Promise.all(
      [0, 1, 2, 3].map((at) =>
        handle(
          track,
          shuffled.filter((_, index) => index % 4 === at),
          tools,
          first,
        ),
      ),
    );
    expect(await film.tracks()).toMatchObject([{ faces: 24, looks: 24, since: 0, until: 23 }]);
  });

  it('begins with its first good face, and a face that is too poor is part of it', async () => {
    const film = await filming(database);
    const vector = film.vectors.any();
    await film.frame(0, { vector, gate: ['profile'] });
    await drain(track, tools);
    expect(await owed(database, 'match')).toEqual([]);
    const [good] = await film.frame(0.1, { vector });
    await drain(track, tools);
    expect(await owed(database, 'match')).toMatchObject([{ face_id: good!.faceId }]);
    expect(await film.tracks()).toMatchObject([{ faces: 2, looks: 1, face_id: good!.faceId }]);
    await drain(match, tools);
  });
});

describe('a track is matched', () => {
  /** A list with Ada on it. */
  const listAda = async (vector: number[], model: string, list: { looks?: number; share?: number } = {}) => {
    await database.rows('update watchpost.watchlist set enabled = false');
    const [watchlist] = await database.rows(
      `insert into watchpost.watchlist (name, threshold, min_looks, min_share)
       values (watchpost.uuidv7()::text, 0.5, $1, $2) returning id`,
      [list.looks ?? 1, list.share ?? 0],
    );
    const { personId } = await addKnownPerson(database, {
      ...{ name: 'Ada', model, vector, watchlists: [watchlist.id] },
    });
    await work();
    return personId;
  };
  const alertsOf = (personId: string) =>
    database.rows(
      'select * from watchpost.alert where person_id = $1 and withdrawn_at is null order by first_seen',
      [personId],
    );

  it('by its fused vector, when none of its faces would match alone', async () => {
    const film = await filming(database);
    const ada = film.vectors.any();
    const personId = await listAda(ada, film.model);
    const [light, ...noise] = apart(ada, film.vectors, 9) as [number[], ...number[][]];
    for (const [n, own] of noise.entries()) {
      await film.frame(n / 10, { vector: mix([0.47, ada], [0.5, light], [0.73, own]) });
    }
    await work();
    const [made] = await film.tracks();
    expect(made.faces).toBe(8);
    expect(await alertsOf(personId)).toMatchObject([{ sightings: 1 }]);
  });

  it('once: one match, one sighting and one alert, which lasts until its end', async () => {
    const film = await filming(database);
    const ada = film.vectors.any();
    const personId = await listAda(ada, film.model);
    for (let n = 0; n < 30; n++) {
      const away = n > 20;
      await film.frame(n / 10, {
        vector: film.vectors.near(ada, away ? 0.6 : 0.9),
        ...(away && { gate: ['profile'] }),
      });
      await work();
    }
    expect(await alertsOf(personId)).toMatchObject([
      { sightings: 1, first_seen: film.time(0), last_seen: film.time(2.9) },
    ]);
    expect(
      await database.rows('select faces, seen_at, seen_until from watchpost.sighting where person_id = $1', [
        personId,
      ]),
      'those who turn away keep their name',
    ).toEqual([{ faces: 30, seen_at: film.time(0), seen_until: film.time(2.9) }]);
    const [made] = await film.tracks();
    expect(await searchesOf(made.id)).toBeLessThan(6);
    expect(
      await count(`watchpost.event where topic = 'alert.raised' and payload ->> 'person_id' = $1`, [
        personId,
      ]),
    ).toBe(1);
  });

  it('by a frame that comes late, which begins its alert earlier', async () => {
    const film = await filming(database);
    const ada = film.vectors.any();
    const personId = await listAda(ada, film.model);
    for (const second of [1, 2, 0]) {
      await film.frame(second, { vector: ada });
      await work();
    }
    expect(await alertsOf(personId)).toMatchObject([
      { sightings: 1, first_seen: film.time(0), last_seen: film.time(2) },
    ]);
  });

  it('in one alert, when two tracks of it turn out to be one', async () => {
    const film = await filming(database);
    const ada = film.vectors.any();
    const personId = await listAda(ada, film.model);
    for (const second of [0, 3]) {
      await film.frame(second, { vector: ada });
      await work();
    }
    expect(await alertsOf(personId)).toMatchObject([{ sightings: 2 }]);
    await film.frame(1.5, { vector: ada });
    await work();
    expect(await alertsOf(personId)).toMatchObject([{ sightings: 1, last_seen: film.time(3) }]);
    expect(
      await count(`watchpost.event where topic = 'alert.raised' and payload ->> 'person_id' = $1`, [
        personId,
      ]),
    ).toBe(1);
    expect(await count('watchpost.invariant', [])).toBe(0);
  });

  it('no more when it has got better and is less like them, and again without a second alert', async () => {
    const film = await filming(database);
    const ada = film.vectors.any();
    const [other, blur] = apart(ada, film.vectors, 2) as [number[], number[]];
    const personId = await listAda(ada, film.model);
    await film.frame(0, { vector: mix([0.6, ada], [0.3, other], [0.74, blur]), norm: 8 });
    await work();
    const [raised] = await alertsOf(personId);
    // The others are of the same track by their place, and better views.
    for (let n = 1; n < 6; n++) await film.frame(n / 10, { vector: mix([0.3, ada], [0.95, other]), norm: 9 });
    await work();
    expect(await film.tracks()).toHaveLength(1);
    expect(await alertsOf(personId), 'one poor frame of six is no alert').toEqual([]);
    for (let n = 6; n < 16; n++) await film.frame(n / 10, { vector: film.vectors.near(ada, 0.95), norm: 10 });
    await work();
    expect(await film.tracks()).toHaveLength(1);
    expect(await alertsOf(personId)).toMatchObject([{ id: raised.id, sightings: 1 }]);
  });

  it('only after as many looks as the list asks for', async () => {
    const film = await filming(database);
    const ada = film.vectors.any();
    const personId = await listAda(ada, film.model, { looks: 3 });
    for (let n = 0; n < 3; n++) {
      await film.frame(n / 10, { vector: ada });
      await work();
      const [made] = await film.tracks();
      const [standing] = await database.rows(
        'select outcome from watchpost.search where face_id = $1 and superseded_at is null',
        [made.face_id],
      );
      expect(standing.outcome).toBe(n < 2 ? 'few_looks' : 'match');
    }
    expect(await alertsOf(personId)).toMatchObject([{ sightings: 1 }]);
  });

  it('only if the share of its faces is as large as the list asks for', async () => {
    const film = await filming(database);
    const ada = film.vectors.any();
    const personId = await listAda(ada, film.model, { share: 0.5 });
    const [light, one, two] = apart(ada, film.vectors, 3) as [number[], number[], number[]];
    await film.frame(0, { vector: mix([0.45, ada], [0.6, light], [0.66, one]) });
    await film.frame(0.1, { vector: mix([0.45, ada], [0.6, light], [0.66, two]) });
    await film.frame(0.2, { vector: ada });
    await work();
    expect(await alertsOf(personId)).toEqual([]);
    for (let n = 3; n < 7; n++) await film.frame(n / 10, { vector: ada });
    await work();
    expect(await alertsOf(personId)).toHaveLength(1);
  });
});

describe('a track that was seen before', () => {
  const addList = async () =>
    (
      await database.rows(
        `insert into watchpost.watchlist (name, threshold) values (watchpost.uuidv7()::text, 0.5) returning id`,
      )
    )[0].id as string;
  /** A camera, and Ada, who is enrolled and on a list. */
  const filmingAda = async () => {
    const film = await filming(database);
    const ada = film.vectors.any();
    const { personId } = await addKnownPerson(database, {
      ...{ name: 'Ada', model: film.model, vector: ada, watchlists: [await addList()] },
    });
    return { film, ada, personId };
  };
  const standing = (personId: string) =>
    database.rows(
      `select m.face_id, m.retroactive, f.track_id from watchpost.match as m join watchpost.face as f on f.id = m.face_id
       where m.person_id = $1 and m.superseded_at is null`,
      [personId],
    );
  const invariants = () => database.rows('select * from watchpost.find_violations()');

  it('is found by its fused vector when somebody is enrolled, once, as retroactive', async () => {
    const film = await filming(database);
    const ada = film.vectors.any();
    const [light, ...noise] = apart(ada, film.vectors, 7) as [number[], ...number[][]];
    for (const [n, own] of noise.entries())
      await film.frame(n / 10, { vector: mix([0.47, ada], [0.5, light], [0.73, own]) });
    await work();
    const { personId } = await addKnownPerson(database, {
      ...{ name: 'Ada', model: film.model, vector: ada, watchlists: [await addList()] },
    });
    await work();
    const [made] = await film.tracks();
    expect(await standing(personId)).toEqual([
      { face_id: made.face_id, retroactive: true, track_id: made.id },
    ]);
    expect(await invariants()).toEqual([]);
  });

  it('is searched again as it is now, if it got better while a backfill searched it', async () => {
    const film = await filming(database);
    const ada = film.vectors.any();
    const [other] = apart(ada, film.vectors, 1) as [number[]];
    for (let n = 0; n < 2; n++) await film.frame(n / 10, { vector: mix([0.6, ada], [0.8, other]) });
    await work();
    const { personId } = await addKnownPerson(database, {
      ...{ name: 'Ada', model: film.model, vector: ada, watchlists: [await addList()] },
    });
    // The backfill has searched, and not written yet, when further faces come.
    await drain(backfill, tools, 1);
    const [item] = await owed(database, 'backfill');
    const slow = {
      ...backfill,
      work: async (...given: Parameters<typeof backfill.work>) => {
        const found = await backfill.work(...given);
        for (let n = 2; n < 8; n++) await film.frame(n / 10, { vector: ada });
        await drain(track, tools);
        return found;
      },
    };
    await handle(slow, [item!], tools, first);
    await work();
    const [made] = await film.tracks();
    expect(await standing(personId)).toMatchObject([{ track_id: made.id }]);
    const [search] = await database.rows(
      'select similarity from watchpost.search where face_id = $1 and superseded_at is null',
      [made.face_id],
    );
    expect(search.similarity, 'by the better vector').toBeGreaterThan(0.8);
    expect(await invariants()).toEqual([]);
  });

  it('is not them as a whole, if that is said of one of its faces, until it is taken back', async () => {
    const { film, ada, personId } = await filmingAda();
    const faces = [];
    for (let n = 0; n < 5; n++)
      faces.push(...(await film.frame(n / 10, { vector: film.vectors.near(ada, 0.9) })));
    await work();
    const [match] = await standing(personId);
    const declared = faces.find((face) => face.faceId !== match.face_id)!;
    await database.rows('insert into watchpost.cannot_link (person_id, face_id) values ($1, $2)', [
      personId,
      declared.faceId,
    ]);
    await work();
    expect(await standing(personId)).toEqual([]);
    for (let n = 5; n < 9; n++) await film.frame(n / 10, { vector: film.vectors.near(ada, 0.95), norm: 20 });
    await work();
    expect(await standing(personId), 'also when it gets better').toEqual([]);
    await database.rows('delete from watchpost.cannot_link where person_id = $1', [personId]);
    await work();
    expect(await standing(personId)).toHaveLength(1);
    expect(await invariants()).toEqual([]);
  });

  it('loses the faces that are deleted, and goes on with the others', async () => {
    const { film, ada, personId } = await filmingAda();
    for (let n = 0; n < 5; n++) await film.frame(n / 10, { vector: film.vectors.near(ada, 0.9) });
    await work();
    const [before] = await film.tracks();
    const [{ image_id }] = await database.rows('select image_id from watchpost.face where id = $1', [
      before.face_id,
    ]);
    await database.rows('select watchpost.erase_image($1)', [image_id]);
    await work();
    const [after] = await film.tracks();
    expect(after).toMatchObject({ id: before.id, faces: 4, looks: 4 });
    expect(after.face_id).not.toBe(before.face_id);
    expect(
      await database.rows(
        'select t.vector = watchpost.fuse_faces(t.best, t.model_id) as same from watchpost.track as t where t.id = $1',
        [after.id],
      ),
      'nothing of the face is left in the vector',
    ).toEqual([{ same: true }]);
    expect(await standing(personId)).toMatchObject([{ face_id: after.face_id }]);
    expect(await invariants()).toEqual([]);
    await database.rows(`select watchpost.erase_person($1, true)`, [personId]);
    expect(await film.tracks(), 'all of its faces were theirs').toEqual([]);
    expect(await invariants()).toEqual([]);
  });

  it('is kept from the purge as long as its match is', async () => {
    const { film, ada } = await filmingAda();
    const faces = [];
    for (let n = 0; n < 3; n++) faces.push(...(await film.frame(n / 10, { vector: ada })));
    await work();
    for (const { faceId, imageId } of faces) {
      expect(
        await database.rows(
          'select watchpost.reason_to_hold_face($1) as face, watchpost.reason_to_keep($2) as image',
          [faceId, imageId],
        ),
      ).toEqual([{ face: 'match', image: 'alert' }]);
    }
  });

  it('is what it was after its faces were detected again, and a replay of its search changes nothing', async () => {
    const { film, ada, personId } = await filmingAda();
    const faces = [];
    for (let n = 0; n < 5; n++)
      faces.push(...(await film.frame(n / 10, { vector: film.vectors.near(ada, 0.9) })));
    await work();
    const again = () => replay(match, { cameraId: film.cameraId }, tools, { dryRun: false });
    expect(await again()).toMatchObject({ events: 1, changed: 0, failed: [] });
    const [before] = await film.tracks();
    // As a replay of detect and embed does, which needs real photos.
    await database.rows('select watchpost.supersede_faces($1)', [faces.map(({ imageId }) => imageId)]);
    expect(await film.tracks()).toMatchObject([{ id: before.id, faces: 0, face_id: null }]);
    for (const { faceId } of faces) {
      await database.rows(
        `with again as (
           insert into watchpost.face
             (image_id, detector_id, ordinal, box_x, box_y, box_width, box_height, points, score,
              height_px, sharpness, yaw, pitch, roll, gate, crop)
           select image_id, detector_id, ordinal, box_x, box_y, box_width, box_height, points, score,
             height_px, sharpness, yaw, pitch, roll, gate, crop
           from watchpost.face where id = $1
           returning id
         )
         insert into watchpost.embedding (face_id, model_id, vector, norm)
         select a.id, e.model_id, e.vector, e.norm from again as a cross join watchpost.embedding as e where e.face_id = $1`,
        [faceId],
      );
    }
    await work();
    expect(await film.tracks()).toMatchObject([
      { id: before.id, faces: 5, looks: 5, since: 0, until: expect.closeTo(0.4) },
    ]);
    expect(await standing(personId)).toMatchObject([{ track_id: before.id }]);
    expect(await invariants()).toEqual([]);
  });
});
