import { type Kysely, sql } from 'kysely';
import { z } from 'zod';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import { decide, type Searched } from '../watchlist/decision.ts';
import { findNearest } from '../watchlist/nearest.ts';
import { type Difference, type Replayable, type Stage, settle } from './stage.ts';

const payload = z.object({ embedding_id: z.uuid() });
type Payload = z.infer<typeof payload>;

/**
 * face.embedded, track.begun, track.improved -> search, match: finds the most similar person on the active watchlists, and decides whether it is a
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

  write: {
    call: 'watchpost.write_matches',
    parameters: (finished) => [
      JSON.stringify(
        finished.map(({ item, result }) => ({ event_id: item.event_id, ...decidedSearch(result) })),
      ),
    ],
  },

  async compare(db, finished) {
    const decided = JSON.stringify(finished.map(({ result }) => decidedSearch(result)));
    const { rows } = await sql<Difference>`
      select c.same, c.gained, c.lost from watchpost.compare_searches(${decided}) as c order by c.place
    `.execute(db);
    return rows;
  },

  async supersede(trx, items) {
    await sql`select watchpost.supersede_searches(${items.map((item) => item.embedding_id)}::uuid[])`.execute(
      trx,
    );
  },
};

// Searching, which backfills do as well.

/**
 * Searches for each embedding and decides on each face; reads only.
 *
 * @param minimalNorm of the embedder.
 * @param options.alsoCompare a person to compare even if the index does not find them.
 * @returns by embedding id, without embeddings that are gone.
 */
export const searchFaces = async (
  db: Kysely<DB>,
  embeddingIds: readonly string[],
  minimalNorm: number,
  options: { alsoCompare?: string } = {},
): Promise<Map<string, Searched>> => {
  const found = await findNearest(db, embeddingIds, options);
  return new Map(
    [...found].map(([id, nearest]) => [id, { nearest, decision: decide(nearest, minimalNorm) }]),
  );
};

/** A search as the database functions take it: the columns of watchpost.decided_searches(). */
export const decidedSearch = ({ nearest, decision }: Searched) => ({
  embedding_id: nearest.embedding_id,
  image_id: nearest.image_id,
  face_id: nearest.face_id,
  ...(nearest.track_id && {
    track_id: nearest.track_id,
    track_revision: nearest.track_revision,
    track_looks: nearest.track_looks,
  }),
  model_id: nearest.model_id,
  watchlists: nearest.watchlists,
  watchlist_versions: nearest.watchlist_versions,
  method: nearest.method,
  outcome: decision.outcome,
  gate: decision.gate,
  reference_id: decision.nearest?.reference_id ?? null,
  person_id: decision.nearest?.person_id ?? null,
  similarity: decision.nearest?.similarity ?? null,
  reference_similarity: decision.nearest?.reference_similarity ?? null,
  matches: decision.matches,
});
