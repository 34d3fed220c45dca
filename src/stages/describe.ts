import { sql } from 'kysely';
import { z } from 'zod';
import { anyOf } from '../database/any-of.ts';
import { WatchpostError } from '../errors.ts';
import type { Box, Demography, Vision } from '../vision/index.ts';
import { readStoredPhoto, type StoredPhoto } from './photo.ts';
import type { Replayable, Stage } from './stage.ts';

const payload = z.object({ face_id: z.uuid() });
type Payload = z.infer<typeof payload>;

/**
 * face.detected, description.requested -> demography: estimates age and gender. It is off by default, so it decodes
 * the photo again instead of making every detect store a wider crop.
 */
export const describe: Stage<Payload, Demography> & Replayable<Payload, Demography> = {
  task: 'describe',
  payload,

  async work(items, { database, vision }) {
    const faces = await database.db
      .selectFrom('watchpost.face')
      .select(['id', 'image_id', 'box_x as x', 'box_y as y', 'box_width as width', 'box_height as height'])
      .where('id', '=', anyOf(items.map((item) => item.face_id)))
      .execute();
    // Each photo is decoded once for all of its faces.
    const estimateOf = new Map<string, Promise<Demography>>();
    for (const [imageId, together] of Map.groupBy(faces, (face) => face.image_id)) {
      const estimates = describeFaces(readStoredPhoto(database, imageId), together, vision);
      together.forEach((face, index) => {
        estimateOf.set(
          face.id,
          estimates.then((all) => all[index] as Demography),
        );
      });
    }

    return Promise.allSettled(
      items.map(async (item) => {
        const estimate = estimateOf.get(item.face_id);
        if (!estimate) throw new WatchpostError('row_missing', `The face ${item.face_id} is gone.`);
        return estimate;
      }),
    );
  },

  write: {
    call: 'watchpost.write_demography',
    parameters: (finished, { vision: { describer } }) => [
      describer.id,
      describer.role,
      describer.sha256,
      describer.licence,
      finished.map(({ item }) => item.event_id),
      finished.map(({ item }) => item.face_id),
      finished.map(({ result }) => result.age),
      finished.map(({ result }) => result.male),
    ],
  },

  async compare(db, finished, { vision }) {
    const standing = await db
      .selectFrom('watchpost.demography')
      .select(['face_id', 'model_id', 'age', 'male'])
      .where('face_id', '=', anyOf(finished.map(({ item }) => item.face_id)))
      .where('superseded_at', 'is', null)
      .execute();
    return finished.map(({ item, result }) => {
      const before = standing.filter((one) => one.face_id === item.face_id);
      const again = before.some(
        (one) =>
          one.model_id === vision.describer.id &&
          Math.abs(one.age - result.age) < sameAge &&
          Math.abs(one.male - result.male) < sameProbability,
      );
      return { same: again, gained: again ? 0 : 1, lost: again ? 0 : before.length };
    });
  },

  async supersede(trx, items) {
    await trx
      .updateTable('watchpost.demography')
      .set({ superseded_at: sql`now()` })
      .where('face_id', '=', anyOf(items.map((item) => item.face_id)))
      .where('superseded_at', 'is', null)
      .execute();
  },
};

/** Smaller differences come from batch sizes; another model or another crop gives larger ones. */
const sameAge = 0.1;
const sameProbability = 0.01;

const describeFaces = async (
  photo: Promise<StoredPhoto | undefined>,
  faces: readonly Box[],
  vision: Vision,
): Promise<Demography[]> => {
  const stored = await photo;
  if (!stored) throw new WatchpostError('row_missing', 'The photo of these faces is gone.');
  const { bytes, rotation } = stored;
  if (bytes) return vision.estimateDemography(bytes, faces, rotation);
  throw new WatchpostError(
    'image_bytes_gone',
    'The bytes of this photo were dropped before its faces were described.',
  );
};
