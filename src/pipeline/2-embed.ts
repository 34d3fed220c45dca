import { sql } from 'kysely';
import pgvector from 'pgvector';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import type { Embedding } from '../vision/types.ts';
import { type Stage, settle } from './stage.ts';

const payload = z.object({ face_id: z.uuid() });
type Payload = z.infer<typeof payload>;

/** face.detected -> embedding: turns the stored crops of a batch into vectors, all faces of a photo together. */
export const embed: Stage<Payload, Embedding> = {
  task: 'embed',
  payload,

  async work(items, { database, vision }) {
    const faces = await database.db
      .selectFrom('watchpost.face')
      .select(['id', 'crop'])
      .where(
        'id',
        'in',
        items.map((item) => item.face_id),
      )
      .execute();
    const vectors = await vision.embed(faces.map((face) => face.crop));
    const vectorOf = new Map(faces.map((face, index) => [face.id, vectors[index]]));

    return items.map((item) =>
      settle(() => {
        const vector = vectorOf.get(item.face_id);
        if (!vector) throw new WatchpostError('row_missing', `The face ${item.face_id} is gone.`);
        return vector;
      }),
    );
  },

  async write(trx, finished, { vision }) {
    await trx
      .insertInto('watchpost.embedding')
      .values(
        finished.map(({ item, result }) => ({
          face_id: item.face_id,
          model_id: vision.embedder.id,
          vector: sql<string>`${pgvector.toSql(Array.from(result.vector))}::halfvec`,
          norm: result.norm,
        })),
      )
      .execute();
  },
};
