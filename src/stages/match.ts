import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { compareMatches, searchFaces, supersedeMatches, writeMatches } from '../watchlist/matching.ts';
import type { Searched } from '../watchlist/ranking.ts';
import { type Replayable, type Stage, settle } from './stage.ts';

const payload = z.object({ embedding_id: z.uuid() });
type Payload = z.infer<typeof payload>;

const found = (finished: readonly { readonly result: Searched }[]) => finished.map(({ result }) => result);

/**
 * face.embedded -> search, match: finds the most similar person on the active watchlists, and decides whether it is a
 * match.
 */
export const match: Stage<Payload, Searched> & Replayable<Payload, Searched> = {
  task: 'match',
  payload,

  async work(items, { database, vision }) {
    const searches = await searchFaces(
      database.db,
      items.map((item) => item.embedding_id),
      vision.embedder.minimalNorm,
    );
    return items.map((item) =>
      settle(() => {
        const searched = searches.get(item.embedding_id);
        if (!searched) throw new WatchpostError('row_missing', `The embedding ${item.embedding_id} is gone.`);
        return searched;
      }),
    );
  },

  async write(trx, finished) {
    await writeMatches(trx, found(finished), { retroactive: false });
  },

  async compare(db, finished) {
    return compareMatches(db, found(finished));
  },

  async supersede(trx, items) {
    await supersedeMatches(
      trx,
      items.map((item) => item.embedding_id),
      'replay',
    );
  },
};
