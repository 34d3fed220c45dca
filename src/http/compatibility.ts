import type { Kysely } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import type { SeenFace, Turns } from '../search/index.ts';
import type { Demography } from '../vision/index.ts';
import type { Services } from './services.ts';

/** What the routes for clients of other products have in common: src/http/compreface and src/http/deepface. */

/** What these routes use. */
export interface Compatible extends Services {
  /** Bounds the photos that this process looks at. */
  readonly turns: Turns;
}

/**
 * Refuses to give a vector away, unless the setting allows it.
 *
 * @throws {WatchpostError} vectors_kept.
 */
export const assertVectorsAllowed = ({ config }: Services): void => {
  if (config.giveVectors) return;
  throw new WatchpostError('vectors_kept', 'The vectors of faces are not given away here.', {
    hint: 'WATCHPOST_VECTORS=give allows it, for everybody whose key has the scope read.',
  });
};

/** Whether age and gender may be estimated: "watchpost describe on". */
export const isDescribing = async (db: Kysely<DB>): Promise<boolean> => {
  const row = await db
    .selectFrom('watchpost.subscription')
    .select('task')
    .where('task', '=', 'describe')
    .where('enabled', '=', true)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
};

/** Age and gender of faces, by face. */
export const describeFaces = async (
  { vision, turns }: Compatible,
  bytes: Buffer,
  faces: readonly SeenFace[],
): Promise<Map<SeenFace, Demography>> => {
  if (faces.length === 0) return new Map();
  const boxes = faces.map(({ found }) => found.box);
  const estimates = await turns.take(() => vision.estimateDemography(bytes, boxes));
  return new Map(faces.map((face, index) => [face, estimates[index] as Demography]));
};
