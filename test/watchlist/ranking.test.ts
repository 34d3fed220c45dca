import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { addKnownPerson, addMatch, addModel } from '../support/fabricate.ts';

/** Face ids in their order; that of a current match lies between them. */
const [first, last] = ['00000000-0000-7000-8000-000000000001', 'ffffffff-ffff-7000-8000-000000000001'];

const [wins, loses] = ['match 1', 'outranked 0'];

describe('watchpost.rank_searches()', () => {
  let database: TestDatabase;
  let model: string;
  let lists: string[];
  let ada: string;
  let photo: string;

  beforeAll(async () => {
    database = await freshDatabase();
    model = await addModel(database, 'four-numbers', 4);
    const rows = await database.rows(
      `insert into watchpost.watchlist (name, threshold) values ('wanted', 0.4), ('banned', 0.4) returning id`,
    );
    lists = rows.map((row) => row.id);
    ({ personId: ada } = await addKnownPerson(database, { name: 'Ada', model, vector: [1, 0, 0, 0] }));
  });
  beforeEach(() => {
    photo = randomUUID();
  });

  /** A face of the photo that is recognised as Ada. */
  const searched = (face: string, similarity: number, changes: object = {}) => ({
    ...{ embedding_id: randomUUID(), image_id: photo, face_id: face, person_id: ada, similarity },
    ...{ outcome: 'match', matches: [{ watchlist_id: lists[0], threshold: 0.4 }], ...changes },
  });

  /** Makes the photo that of a current match of Ada; gives its face, and its ids, one for each list. */
  const addStanding = async (similarity: number) => {
    const id = await addMatch(database, {
      ...{
        model,
        personId: ada,
        watchlistId: lists[0] as string,
        similarity,
        capturedAt: '2026-01-01T12:00Z',
      },
    });
    const [other] = await database.rows(
      `insert into watchpost.match (search_id, face_id, person_id, watchlist_id, similarity, threshold)
       select m.search_id, m.face_id, m.person_id, $2, m.similarity, m.threshold from watchpost.match as m where m.id = $1
       returning id, image_id, face_id`,
      [id, lists[1]],
    );
    photo = other.image_id;
    return { face: other.face_id, matches: [id, other.id].sort() };
  };

  const rank = async (...decided: object[]) => {
    const [row] = await database.rows('select * from watchpost.rank_searches($1)', [JSON.stringify(decided)]);
    return {
      outcomes: row.ranked.map(
        (one: { outcome: string; matches: unknown[] }) => `${one.outcome} ${one.matches.length}`,
      ),
      beaten: row.beaten.sort(),
    };
  };

  it('keeps the more similar of two faces of one photo, in either order', async () => {
    const [worse, better] = [searched(first, 0.5), searched(last, 0.6)];
    expect(await rank(worse, better)).toEqual({ outcomes: [loses, wins], beaten: [] });
    expect(await rank(better, worse)).toEqual({ outcomes: [wins, loses], beaten: [] });
  });

  it('does not rank different people or different photos against each other', async () => {
    expect(
      await rank(
        searched(first, 0.5),
        searched(last, 0.6, { person_id: randomUUID() }),
        searched(randomUUID(), 0.7, { image_id: randomUUID() }),
      ),
    ).toEqual({ outcomes: [wins, wins, wins], beaten: [] });
  });

  it('is outranked by a better current match', async () => {
    await addStanding(0.6);
    expect(await rank(searched(first, 0.5))).toEqual({ outcomes: [loses], beaten: [] });
  });

  it('outranks a worse current match on every list', async () => {
    const { matches } = await addStanding(0.5);
    expect(await rank(searched(first, 0.6))).toEqual({ outcomes: [wins], beaten: matches });
  });

  it('decides between equal ones by the id, whatever the order of arrival', async () => {
    const { matches } = await addStanding(0.5);
    expect(await rank(searched(first, 0.5))).toEqual({ outcomes: [wins], beaten: matches });
    expect(await rank(searched(last, 0.5))).toEqual({ outcomes: [loses], beaten: [] });
    expect(await rank(searched(last, 0.6), searched(first, 0.6))).toEqual({
      outcomes: [loses, wins],
      beaten: matches,
    });
  });

  it('ignores current matches of the faces that are searched again', async () => {
    const { face } = await addStanding(0.9);
    expect(await rank(searched(face, 0.5))).toEqual({ outcomes: [wins], beaten: [] });
    const nobody = searched(face, 0.9, { outcome: 'below_threshold', matches: [] });
    expect(await rank(nobody, searched(last, 0.5))).toEqual({
      outcomes: ['below_threshold 0', wins],
      beaten: [],
    });
  });

  it('lets a face that is not recognised outrank nobody', async () => {
    const gated = searched(last, 0.9, { outcome: 'gated', matches: [] });
    expect(await rank(searched(first, 0.5), gated)).toEqual({ outcomes: [wins, 'gated 0'], beaten: [] });
    await addStanding(0.5);
    expect(await rank({ ...gated, image_id: photo })).toEqual({ outcomes: ['gated 0'], beaten: [] });
  });
});
