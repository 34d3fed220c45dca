import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { assertFit } from '../watchlist/enrolment.ts';
import { type Replayable, type Stage, settle } from './stage.ts';

const payload = z.object({ person_photo_id: z.uuid(), embedding_id: z.uuid() });
type Payload = z.infer<typeof payload>;

interface Reference {
  readonly person_id: string;
  readonly model_id: string;
  readonly vector: string;
}

/**
 * photo.embedded -> reference: the chosen face of a person's photo becomes what probes are compared with, if it is a
 * good enough view. Enrolment goes through the same detect and embed as every photo and parts from it here.
 */
export const enrol: Stage<Payload, Reference> & Replayable<Payload, Reference> = {
  task: 'enrol',
  payload,

  async work(items, { database, vision }) {
    const faces = await database.db
      .selectFrom('watchpost.embedding as e')
      .innerJoin('watchpost.face as f', 'f.id', 'e.face_id')
      .innerJoin('watchpost.person_photo as p', 'p.image_id', 'f.image_id')
      .select(['e.id', 'e.model_id', 'e.vector', 'e.norm', 'f.gate', 'p.person_id'])
      .where(
        'e.id',
        'in',
        items.map((item) => item.embedding_id),
      )
      .execute();
    const faceOf = new Map(faces.map((face) => [face.id, face]));

    return items.map((item) =>
      settle(() => {
        const face = faceOf.get(item.embedding_id);
        if (!face) throw new WatchpostError('row_missing', `The embedding ${item.embedding_id} is gone.`);
        assertFit(face.gate, face.norm, vision.embedder.minimalNorm);
        return { person_id: face.person_id, model_id: face.model_id, vector: face.vector };
      }),
    );
  },

  async write(trx, finished) {
    await trx
      .insertInto('watchpost.reference')
      .values(
        finished.map(({ item, result }) => ({
          person_id: result.person_id,
          person_photo_id: item.person_photo_id,
          embedding_id: item.embedding_id,
          model_id: result.model_id,
          vector: result.vector,
        })),
      )
      .execute();
  },
  async compare(db, finished) {
    const standing = await db
      .selectFrom('watchpost.reference')
      .select('embedding_id')
      .where(
        'embedding_id',
        'in',
        finished.map(({ item }) => item.embedding_id),
      )
      .where('superseded_at', 'is', null)
      .execute();
    const known = new Set(standing.map((row) => row.embedding_id));
    return finished.map(({ item }) => {
      const same = known.has(item.embedding_id);
      return { same, gained: same ? 0 : 1, lost: 0 };
    });
  },

  // A reference rests on its embedding: it is superseded with it, never by itself.
  async supersede() {},
};
