import { z } from 'zod';
import { anyOf } from '../database/any-of.ts';
import { WatchpostError } from '../errors.ts';
import { type Stage, settle } from './stage.ts';

const payload = z.object({ embedding_id: z.uuid() });
type Payload = z.infer<typeof payload>;

/**
 * face.embedded -> track: ties the faces of a camera with a frame rate to tracks. All of it happens as it is written,
 * under a lock of the camera, because workers have its frames at the same time and in any order.
 */
export const track: Stage<Payload, null> = {
  task: 'track',
  payload,

  async work(items, { database }) {
    const embeddings = await database.db
      .selectFrom('watchpost.embedding')
      .select('id')
      .where('id', '=', anyOf(items.map((item) => item.embedding_id)))
      .execute();
    const known = new Set(embeddings.map((embedding) => embedding.id));
    return items.map((item) =>
      settle(() => {
        if (!known.has(item.embedding_id))
          throw new WatchpostError('row_missing', `The embedding ${item.embedding_id} is gone.`);
        return null;
      }),
    );
  },

  write: {
    call: 'watchpost.write_tracks',
    parameters: (finished, { vision }) => [
      finished.map(({ item }) => item.event_id),
      finished.map(({ item }) => item.embedding_id),
      vision.embedder.minimalNorm,
    ],
  },
};
