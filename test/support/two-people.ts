import { beforeAll, beforeEach } from 'vitest';
import { alert } from '../../src/stages/alert.ts';
import { backfill } from '../../src/stages/backfill.ts';
import { match } from '../../src/stages/match.ts';
import type { Tools } from '../../src/stages/stage.ts';
import { freshDatabase, type TestDatabase } from './database.ts';
import { drain } from './drain.ts';
import { addFace, addKnownPerson, addModel } from './fabricate.ts';
import { realVision } from './pipeline.ts';
import { Vectors } from './vectors.ts';

const dimension = 64;
const at = (minute: number) => `2026-03-01T12:${String(minute).padStart(2, '0')}:00Z`;

/** Everything that a merge may touch, but for the work that follows from it. */
const tables = [
  'person',
  'person_photo',
  'reference',
  'person_vector',
  'watchlist_entry',
  'search',
  'match',
  'alert',
  'alert_match',
  'alert_review',
  'cannot_link',
  'stranger',
];

export type Row = Record<string, string>;

interface Known {
  readonly personId: string;
  readonly vector: number[];
}

/**
 * Two people who are one, with photos 0.8 alike, on two lists: other ones for each test of the file, in a database of the
 * file's own.
 */
export const twoPeople = () => {
  const vectors = new Vectors(dimension, 7);
  const two = {} as {
    database: TestDatabase;
    tools: Tools & { database: TestDatabase };
    model: string;
    ada: Known;
    twin: Known;
    /** The id of the list that both are on. */
    both: string;
    /** And of the one that only the twin is on. */
    other: string;
  };

  const rows: TestDatabase['rows'] = (text, values) => two.database.rows(text, values);
  const one = async (text: string, values: unknown[] = []) => (await rows<Row>(text, values))[0] as Row;
  const merge = (keep: string, merged: string, note: string | null = null) =>
    one('select * from watchpost.merge_persons($1, $2, $3)', [keep, merged, note]);
  const unmerge = (merged: string, note: string | null = null) =>
    one('select * from watchpost.unmerge_persons($1, $2)', [merged, note]);
  const snapshot = async () =>
    Object.fromEntries(
      await Promise.all(
        tables.map(async (table) => [
          table,
          (await rows(`select to_jsonb(t)::text as row from watchpost.${table} as t order by 1`)).map(
            ({ row }) => row,
          ),
        ]),
      ),
    );
  /** Everything that waits is done. */
  const settle = async () => {
    for (const stage of [backfill, match, alert]) await drain(stage, two.tools);
  };
  const violations = () => rows('select rule, subject, finding from watchpost.invariant');
  const addList = async (name: string) =>
    (await one('insert into watchpost.watchlist (name, threshold) values ($1, 0.5) returning id', [name]))
      .id as string;
  const addKnown = async (name: string, vector: number[], watchlists: string[]) => ({
    vector,
    ...(await addKnownPerson(two.database, { name, model: two.model, vector, watchlists })),
  });
  /** A face of nobody. */
  const addStranger = () => addFace(two.database, { model: two.model, vector: vectors.any() });
  /** A face at the gate; in the photo of another face if that is given. */
  const see = async (
    like: { vector: number[] },
    cosine: number,
    minute: number,
    photo?: { imageId: string },
  ) => {
    const vector = vectors.near(like.vector, cosine);
    const face = await addFace(two.database, {
      model: two.model,
      vector,
      camera: 'gate',
      capturedAt: at(minute),
    });
    if (!photo) return face;
    await rows(`update watchpost.face as f set image_id = $1, ordinal = 2, box_x = 400 where f.id = $2`, [
      photo.imageId,
      face.faceId,
    ]);
    return { ...face, imageId: photo.imageId };
  };
  const link = (personId: string, faceId: string) =>
    rows('insert into watchpost.cannot_link (person_id, face_id) values ($1, $2)', [personId, faceId]);
  /** The alerts of a person that are not withdrawn. */
  const standing = (personId: string) =>
    rows<Row>(
      `select a.id, a.sightings, a.state, w.name as list from watchpost.alert as a
       join watchpost.watchlist as w on w.id = a.watchlist_id
       where a.person_id = $1 and a.withdrawn_at is null order by a.first_seen, w.name`,
      [personId],
    );

  beforeAll(async () => {
    two.database = await freshDatabase();
    two.tools = { database: two.database, vision: await realVision() };
    two.model = await addModel(two.database, 'sixty-four-numbers', dimension);
    await rows(`insert into watchpost.camera (name, location) values ('gate', 'North gate')`);
  });

  // Earlier lists are not searched.
  beforeEach(async () => {
    await rows('update watchpost.watchlist set enabled = false');
    two.both = await addList(`both ${Math.random()}`);
    two.other = await addList(`other ${Math.random()}`);
    two.ada = await addKnown('Ada', vectors.any(), [two.both]);
    two.twin = await addKnown('Ada L.', vectors.near(two.ada.vector, 0.8), [two.both, two.other]);
    await settle();
  });

  return Object.assign(two, {
    vectors,
    ...{ rows, one, merge, unmerge, snapshot, settle, violations },
    ...{ addList, addKnown, addStranger, see, link, standing },
  });
};
