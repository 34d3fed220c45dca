import { sql } from 'kysely';
import pgvector from 'pgvector';
import { z } from 'zod';
import { anyOf } from '../database/any-of.ts';
import { fromStored } from '../database/at-rest.ts';
import { fromBase64, realArray } from '../database/binary.ts';
import { WatchpostError } from '../errors.ts';
import type { Embedding } from '../vision/types.ts';
import { type Replayable, type Stage, settle } from './stage.ts';

const payload = z.object({ face_id: z.uuid() });
type Payload = z.infer<typeof payload>;

/** face.detected -> embedding: computes the vectors of stored crops, in batches. */
export const embed: Stage<Payload, Embedding> & Replayable<Payload, Embedding> = {
  task: 'embed',
  payload,

  async work(items, { database, vision }) {
    const { rows: faces } = await database.pool.query<{ id: string; crop: string }>({
      name: 'watchpost-crops',
      text: `select f.id, encode(f.crop, 'base64') as crop from watchpost.face as f where f.id = any ($1::uuid[])`,
      values: [items.map((item) => item.face_id)],
    });
    const crops = await Promise.all(faces.map((face) => fromStored(database.db, fromBase64(face.crop))));
    const vectors = await vision.embed(crops);
    const vectorOf = new Map(faces.map((face, index) => [face.id, vectors[index]]));

    return items.map((item) =>
      settle(() => {
        const vector = vectorOf.get(item.face_id);
        if (!vector) throw new WatchpostError('row_missing', `The face ${item.face_id} is gone.`);
        return vector;
      }),
    );
  },

  write: {
    call: 'watchpost.write_embeddings',
    parameters: (finished, { vision }) => [
      vision.embedder.id,
      vision.embedder.dimension,
      finished.map(({ item }) => item.event_id),
      finished.map(({ item }) => item.face_id),
      finished.map(({ result }) => result.norm),
      realArray(finished.map(({ result }) => result.vector)),
    ],
  },

  async compare(db, finished, { vision }) {
    const standing = await db
      .selectFrom('watchpost.embedding')
      .select(['face_id', 'model_id', 'vector'])
      .where('face_id', '=', anyOf(finished.map(({ item }) => item.face_id)))
      .where('superseded_at', 'is', null)
      .execute();
    return finished.map(({ item, result }) => {
      const before = standing.filter((embedding) => embedding.face_id === item.face_id);
      const again = before.some(
        (embedding) =>
          embedding.model_id === vision.embedder.id &&
          cosine(pgvector.fromSql(embedding.vector) as number[], result.vector) > sameVector,
      );
      return { same: again, gained: again ? 0 : 1, lost: again ? 0 : before.length };
    });
  },

  async supersede(trx, items) {
    await sql`select watchpost.supersede_embeddings(${items.map((item) => item.face_id)}::uuid[])`.execute(
      trx,
    );
  },
};

/** Vectors of one crop by one model differ slightly: batch sizes by 2e-7, half precision by 1e-4. */
const sameVector = 0.999;

const cosine = (a: readonly number[], b: Float32Array): number => {
  let product = 0;
  let length = 0;
  a.forEach((value, i) => {
    product += value * (b[i] ?? 0);
    length += value * value;
  });
  return product / Math.sqrt(length);
};
