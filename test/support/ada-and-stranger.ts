import { beforeAll, beforeEach, expect } from 'vitest';
import { alert } from '../../src/stages/alert.ts';
import { backfill } from '../../src/stages/backfill.ts';
import { match } from '../../src/stages/match.ts';
import type { Tools } from '../../src/stages/stage.ts';
import { actingOn } from './acting.ts';
import { freshDatabase, type TestDatabase } from './database.ts';
import { drain } from './drain.ts';
import { addFace, addKnownPerson, addModel } from './fabricate.ts';
import { realVision } from './pipeline.ts';
import { Vectors } from './vectors.ts';

/**
 * Ada, who is on two lists, and a stranger who looks like her: other ones for each test of the file, in a database of the
 * file's own.
 */
export const adaAndStranger = () => {
  const vectors = new Vectors(64, 14);
  const seen = {} as {
    database: TestDatabase;
    tools: Tools & { database: TestDatabase };
    model: string;
    lists: string[];
    ada: { vector: number[]; personId: string; referenceId: string };
    stranger: number[];
  };

  const rows: TestDatabase['rows'] = (text, values) => seen.database.rows(text, values);
  /** Acts in somebody's name. */
  const as: ReturnType<typeof actingOn> = (...call) => actingOn(seen.database)(...call);

  /** Everything that waits is done, as workers do it. */
  const process = async () => {
    for (let done = 1; done > 0; ) {
      done = 0;
      for (const stage of [match, alert, backfill]) done += await drain(stage, seen.tools);
    }
  };

  /** A face like this vector, in a photo of its own or beside another face. */
  const see = async (vector: readonly number[], capturedAt: string, beside?: { imageId: string }) => {
    const face = await addFace(seen.database, { model: seen.model, vector, capturedAt });
    if (!beside) return face;
    await rows(`update watchpost.face set image_id = $1, ordinal = 2, box_x = 400 where id = $2`, [
      beside.imageId,
      face.faceId,
    ]);
    return { ...face, imageId: beside.imageId };
  };

  const alertOf = async (face: { faceId: string }, list = seen.lists[0]) =>
    (
      await rows(
        `select am.alert_id from watchpost.alert_match as am join watchpost.match as m on m.id = am.match_id
         where m.face_id = $1 and m.watchlist_id = $2`,
        [face.faceId, list],
      )
    )[0]?.alert_id;

  const soundly = async () => expect(await rows('select * from watchpost.invariant')).toEqual([]);

  beforeAll(async () => {
    seen.database = await freshDatabase();
    seen.tools = { database: seen.database, vision: await realVision() };
    seen.model = await addModel(seen.database, 'sixty-four-numbers', 64);
  });

  beforeEach(async () => {
    await rows('update watchpost.watchlist set enabled = false');
    const made = await rows(
      `insert into watchpost.watchlist (name, threshold)
       select watchpost.uuidv7()::text, t from unnest('{0.5,0.4}'::real[]) as t returning id`,
    );
    seen.lists = made.map(({ id }) => id);
    const vector = vectors.any();
    const { model, lists } = seen;
    const known = await addKnownPerson(seen.database, { name: 'Ada', model, vector, watchlists: lists });
    seen.ada = { vector, ...known };
    seen.stranger = vectors.near(vector, 0.8);
    await process();
  });

  return Object.assign(seen, { vectors, rows, as, process, see, alertOf, soundly });
};
