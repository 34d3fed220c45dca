import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type Asked,
  comparePhotos,
  detectInPhoto,
  searchByPhoto,
  type WantedSearch,
} from '../../src/search/index.ts';
import type { Vision } from '../../src/vision/index.ts';
import { addPerson, addPersonPhoto, addWatchlist } from '../../src/watchlist/registry.ts';
import { emptyScene } from '../evaluation/labelled.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, realVision, runWorker, submit, untilFinal, untilIdle } from '../support/pipeline.ts';
import { portrait } from '../support/portraits.ts';
import { groupStrangers } from '../support/strangers.ts';

let database: TestDatabase;
let vision: Vision;
let ada: { personId: string; watchlistId: string };

const search = (bytes: Buffer, wanted: WantedSearch = {}, reason?: string) =>
  searchByPhoto(vision, bytes, wanted, { ...asked, reason });
const asked: Asked = { transact: (run) => database.db.transaction().execute(run) };

/** How many rows the tables that hold faces and photos have. */
const stored = async () =>
  (
    await database.rows(
      `select (select count(*)::int from watchpost.image) as images, (select count(*)::int from watchpost.face) as faces,
              (select count(*)::int from watchpost.embedding) as embeddings, (select count(*)::int from watchpost.search) as searches,
              (select count(*)::int from watchpost.event as e where e.image_id is not null) as events`,
    )
  )[0];

beforeAll(async () => {
  database = await freshDatabase();
  vision = await realVision();
  await runWorker(database, vision);
  ada = await enrolAda(database);
  await untilIdle(database);
});

describe('a search by photo', () => {
  it('finds who is in it, with boxes, quality and scores, and stores nothing but its row in access', async () => {
    const before = await stored();
    const found = await search(sample(1), {}, 'complaint 4711');
    expect(await stored()).toEqual(before);
    expect(found).toMatchObject({ format: 'jpeg', width: 1920, damaged: false, faces_left_out: 0 });
    expect(found.watchlists).toEqual([ada.watchlistId]);
    expect(found.faces.map(({ outcome }) => outcome)).toEqual([
      'below_threshold',
      'below_threshold',
      'match',
    ]);
    const her = found.faces[2];
    expect(her).toMatchObject({
      ordinal: 3,
      box: { width: expect.closeTo(235, -1) },
      quality: { gate: [], score: expect.closeTo(0.99, 1) },
      matches: [{ person: 'Ada', person_id: ada.personId, watchlist_id: ada.watchlistId, threshold: 0.5 }],
      people: [{ person: 'Ada', similarity: expect.closeTo(0.7275, 2), ruled_out: false }],
    });
    expect(her?.points).toHaveLength(10);
    expect(her?.people[0]?.watchlists).toMatchObject([{ id: ada.watchlistId, reached: true }]);

    const [row] = await database.rows('select * from watchpost.access order by id desc limit 1');
    expect(row).toMatchObject({
      action: 'search',
      reason: 'complaint 4711',
      subject_id: null,
      person_ids: [ada.personId],
      details: { faces: 3, outcomes: ['below_threshold', 'below_threshold', 'match'] },
    });
  });

  it('never gives a vector away', async () => {
    const answer = JSON.stringify(await search(sample(1), { past: true, strangers: true }));
    expect(answer).not.toMatch(/vector|embedding/);
    // 512 numbers in a row would be one.
    expect(answer).not.toMatch(/(-?\d+\.\d+,){100}/);
  });

  it('searches only the lists that are asked for, and says so if one is not in force', async () => {
    const other = await addWatchlist(database.db, { name: 'others' });
    const found = await search(sample(1), { watchlists: ['others'] });
    expect(found.watchlists).toEqual([other.id]);
    expect(found.faces.map(({ outcome }) => outcome)).toEqual(['nobody', 'nobody', 'nobody']);
    await database.rows('update watchpost.watchlist set enabled = false where id = $1', [other.id]);
    await expect(search(sample(1), { watchlists: ['others'] })).rejects.toMatchObject({ code: 'WP062' });
    await expect(search(await emptyScene(), { watchlists: ['nobody'] })).rejects.toMatchObject({
      code: 'WP062',
    });
  });

  it('does not match whom a cannot_link rules out', async () => {
    const id = await submit(database, sample(1));
    await untilFinal(database, id);
    const [link] = await database.rows(
      `insert into watchpost.cannot_link (person_id, face_id)
       select $1, f.id from watchpost.face as f where f.image_id = $2 and f.ordinal = 3 returning id`,
      [ada.personId, id],
    );
    const her = (await search(sample(1))).faces[2];
    expect(her).toMatchObject({ outcome: 'cannot_link', matches: [], people: [{ ruled_out: true }] });
    await database.rows('delete from watchpost.cannot_link where id = $1', [link.id]);
    await untilIdle(database);
    expect((await search(sample(1))).faces[2]).toMatchObject({ outcome: 'match' });
  });

  it('finds past faces and strangers if asked, with where and who they were', async () => {
    await database.rows(`insert into watchpost.camera (name, location) values ('gate', 'North gate')`);
    for (const _ of [1, 2, 3]) await untilFinal(database, await submit(database, sample(4), 'gate'));
    await database.rows('select watchpost.enable_strangers()');
    await groupStrangers(database);
    const plain = await search(sample(4));
    expect(plain.faces[0]).not.toHaveProperty('past');
    expect(plain.faces[0]).not.toHaveProperty('strangers');

    const found = await search(sample(4), { past: true, strangers: true, most: 2 });
    for (const face of found.faces) {
      expect(face.past).toHaveLength(2);
      expect(face.past?.[0]).toMatchObject({
        similarity: expect.closeTo(1, 2),
        camera: 'gate',
        person: null,
      });
      expect(face.strangers).toMatchObject([{ similarity: expect.closeTo(1, 2), faces: 3 }]);
    }
    const seen = await search(sample(1), { past: true });
    expect(seen.faces[2]?.past?.[0]).toMatchObject({ person: 'Ada', person_id: ada.personId });
    const never = await search(sample(1), { past: true, since: new Date(Date.now() + 1000).toISOString() });
    expect(never.faces[2]?.past).toEqual([]);
  });

  it('of a photo without faces is empty, and of a broken one an error', async () => {
    expect((await search(await emptyScene(), { past: true, strangers: true })).faces).toEqual([]);
    await expect(search(Buffer.from('no photo'))).rejects.toMatchObject({ code: 'image_format_unsupported' });
  });
});

describe('two photos', () => {
  const compare = (image: Buffer, other: Buffer, threshold?: number) =>
    comparePhotos(vision, { image, other }, { threshold }, asked);

  it('are a match if their most similar faces reach the threshold', async () => {
    const found = await compare(sample(1), sample(3));
    expect(found).toMatchObject({
      match: true,
      outcome: 'match',
      threshold: 0.5,
      best: { face: 3, other_face: 2, similarity: expect.closeTo(0.7275, 3) },
    });
    expect(found.pairs).toHaveLength(9);
    expect(found.pairs.map(({ similarity }) => similarity)).toEqual(
      found.pairs.map(({ similarity }) => similarity).toSorted((a, b) => b - a),
    );
    expect(await compare(sample(1), sample(3), 0.8)).toMatchObject({
      match: false,
      outcome: 'below_threshold',
    });
    expect(await compare(sample(4), sample(6))).toMatchObject({ match: false, outcome: 'below_threshold' });
    expect(await compare(sample(1), await emptyScene())).toMatchObject({
      match: false,
      outcome: 'no_face',
      best: null,
      pairs: [],
    });
  });

  it('do not match by a face of poor quality, whatever its similarity', async () => {
    // The woman in the middle of sample 2 is in profile.
    const found = await compare(sample(2), sample(2));
    const profile = found.image.faces.find(({ quality }) => quality.gate.length > 0);
    expect(profile).toBeDefined();
    const alone = await portrait(vision, 2, profile?.ordinal ?? 0);
    const again = await compare(alone, alone);
    expect(again.best?.similarity).toBeCloseTo(1, 5);
    expect(again).toMatchObject({ match: false, outcome: 'gated' });
  });

  it('leave a row in access, and nothing else', async () => {
    const before = await stored();
    await compare(sample(1), sample(3));
    expect(await stored()).toEqual(before);
    const [row] = await database.rows('select * from watchpost.access order by id desc limit 1');
    expect(row).toMatchObject({ action: 'compare', person_ids: [], details: { outcome: 'match' } });
  });
});

describe('a photo that is looked through', () => {
  const detect = (bytes: Buffer) => detectInPhoto(vision, bytes, {}, asked);

  it('has boxes, landmarks and quality, and says why it would be refused', async () => {
    const found = await detect(sample(2));
    expect(found.enrolment).toMatchObject({ code: 'faces_several' });
    expect(found.faces).toHaveLength(3);
    for (const face of found.faces) {
      expect(face.points).toHaveLength(10);
      expect(face.refusals.map(({ code }) => code)).toEqual(
        face.quality.gate.map((reason) => `face_${reason}`),
      );
    }
    expect(found.faces.flatMap(({ refusals }) => refusals)).toContainEqual({
      code: 'face_profile',
      message: expect.stringMatching(/turned by \d+ degrees/),
    });
    expect((await detect(await emptyScene())).enrolment).toMatchObject({ code: 'face_missing' });
    expect((await detect(await portrait(vision, 3, 2))).enrolment).toBeNull();
  });
});

/** Portraits of the ORL set, ten of each person; they are not part of the project. */
const portraits = fileURLToPath(new URL('../../../shared/eval/orl', import.meta.url));
const people = ['s01', 's05', 's09', 's14', 's22'];
const portraitOf = (person: string, number: number) =>
  readFileSync(`${portraits}/${person}/${String(number).padStart(2, '0')}.png`);

describe('a search by photo gives what the pipeline gives for the same photo', () => {
  /** What the stage match has decided on each face of a photo, and what a search by it decides. */
  const both = async (bytes: Buffer) => {
    const id = await submit(database, bytes);
    await untilFinal(database, id);
    const piped = await database.rows(
      `select f.ordinal, s.outcome, s.gate, s.person_id, s.similarity,
              array(select m.watchlist_id::text from watchpost.match as m
                    where m.face_id = f.id and m.superseded_at is null order by 1) as lists
       from watchpost.face as f
       join watchpost.search as s on s.face_id = f.id and s.superseded_at is null
       where f.image_id = $1 order by f.ordinal`,
      [id],
    );
    const searched = (await search(bytes)).faces.map((face) => {
      const nearest = face.people.find(({ ruled_out }) => !ruled_out);
      return {
        ordinal: face.ordinal,
        outcome: face.outcome,
        gate: face.quality.gate,
        person_id: nearest?.person_id ?? null,
        similarity: nearest ? expect.closeTo(nearest.similarity, 2) : null,
        lists: face.matches.map(({ watchlist_id }) => watchlist_id).toSorted(),
      };
    });
    return { piped, searched };
  };

  const setThreshold = (threshold: number) =>
    database.rows('update watchpost.watchlist set threshold = $1 where id = $2', [
      threshold,
      ada.watchlistId,
    ]);

  it('on group photos, also for faces that are too poor, or less like a person than another face', async () => {
    const outcomes = new Set<string>();
    // At 0.1 strangers match, too: several faces of a photo, and one in profile.
    for (const threshold of [0.5, 0.1]) {
      await setThreshold(threshold);
      for (const number of [1, 2, 3, 4, 5, 6] as const) {
        const { piped, searched } = await both(sample(number));
        expect(piped, `sample ${number} at ${threshold}`).toEqual(searched);
        for (const { outcome } of piped) outcomes.add(outcome);
      }
    }
    await setThreshold(0.5);
    expect([...outcomes].toSorted()).toEqual(['below_threshold', 'gated', 'match', 'outranked']);
  });

  it.skipIf(!existsSync(portraits))(
    'on labelled portraits (needs the labelled photos beside the project)',
    async () => {
      await addWatchlist(database.db, { name: 'staff' });
      for (const name of people) {
        const { id } = await addPerson(database.db, { name, watchlists: ['staff'] });
        for (const number of [1, 2])
          await addPersonPhoto(database, { personId: id, bytes: portraitOf(name, number) });
      }
      await untilIdle(database);
      const names = new Map(
        (await database.rows('select id, name from watchpost.person')).map(({ id, name }) => [id, name]),
      );
      let right = 0;
      for (const name of people) {
        for (const number of [5, 9]) {
          const { piped, searched } = await both(portraitOf(name, number));
          expect(piped, `${name} ${number}`).toEqual(searched);
          if (piped[0]?.outcome === 'match') right += Number(names.get(piped[0].person_id) === name);
        }
      }
      expect(right).toBeGreaterThan(7);
    },
  );
});
