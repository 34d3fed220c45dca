import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { type Decision, decide } from '../watchlist/decision.ts';
import { findNearest, type Nearest } from '../watchlist/nearest.ts';
import { type Stage, settle } from './stage.ts';

const payload = z.object({ embedding_id: z.uuid() });
type Payload = z.infer<typeof payload>;

/** face.embedded -> search, match: whom on the enabled watchlists a face looks like most, and whether that is enough. */
export const match: Stage<Payload, { nearest: Nearest; decision: Decision }> = {
  task: 'match',
  payload,

  async work(items, { database, vision }) {
    const searches = await findNearest(
      database.db,
      items.map((item) => item.embedding_id),
    );
    return items.map((item) =>
      settle(() => {
        const nearest = searches.get(item.embedding_id);
        if (!nearest) throw new WatchpostError('row_missing', `The embedding ${item.embedding_id} is gone.`);
        return { nearest, decision: decide(nearest, vision.embedder.minimalNorm) };
      }),
    );
  },

  async write(trx, finished) {
    const searches = await trx
      .insertInto('watchpost.search')
      .values(
        finished.map(({ result: { nearest, decision } }) => ({
          embedding_id: nearest.embedding_id,
          face_id: nearest.face_id,
          model_id: nearest.model_id,
          watchlists: nearest.watchlists,
          method: nearest.method,
          outcome: decision.outcome,
          gate: decision.gate,
          reference_id: nearest.reference_id,
          person_id: nearest.person_id,
          similarity: nearest.similarity,
        })),
      )
      .returning(['id', 'embedding_id'])
      .execute();
    const searchOf = new Map(searches.map((search) => [search.embedding_id, search.id]));

    const matches = finished.flatMap(({ result: { nearest, decision } }) =>
      decision.matches.map((found) => ({
        search_id: searchOf.get(nearest.embedding_id) as string,
        face_id: nearest.face_id,
        person_id: found.person_id,
        reference_id: found.reference_id,
        watchlist_id: found.watchlist_id,
        similarity: found.similarity,
        threshold: found.threshold,
      })),
    );
    if (matches.length > 0) await trx.insertInto('watchpost.match').values(matches).execute();
  },
};
