import { sql } from 'kysely';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { type Decision, decide } from '../watchlist/decision.ts';
import { findNearest, type Nearest } from '../watchlist/nearest.ts';
import { type Replayable, type Stage, settle } from './stage.ts';

const payload = z.object({ embedding_id: z.uuid() });
type Payload = z.infer<typeof payload>;

interface Searched {
  readonly nearest: Nearest;
  readonly decision: Decision;
}

/** face.embedded -> search, match: whom on the enabled watchlists a face looks like most, and whether that is enough. */
export const match: Stage<Payload, Searched> & Replayable<Payload, Searched> = {
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

  async compare(db, finished) {
    const standing = await db
      .selectFrom('watchpost.search as s')
      .leftJoin('watchpost.match as m', (join) =>
        join.onRef('m.search_id', '=', 's.id').on('m.superseded_at', 'is', null),
      )
      .select(['s.embedding_id', 's.outcome', 's.person_id as nearest', 'm.person_id', 'm.watchlist_id'])
      .where(
        's.embedding_id',
        'in',
        finished.map(({ item }) => item.embedding_id),
      )
      .where('s.superseded_at', 'is', null)
      .execute();
    return finished.map(({ item, result: { nearest, decision } }) => {
      const rows = standing.filter((row) => row.embedding_id === item.embedding_id);
      const before = new Set(
        rows.flatMap((row) => (row.person_id ? [`${row.person_id} ${row.watchlist_id}`] : [])),
      );
      const after = new Set(decision.matches.map((found) => `${found.person_id} ${found.watchlist_id}`));
      const gained = [...after].filter((key) => !before.has(key)).length;
      const lost = [...before].filter((key) => !after.has(key)).length;
      const asBefore = rows.some(
        (row) => row.outcome === decision.outcome && row.nearest === nearest.person_id,
      );
      return { same: asBefore && gained === 0 && lost === 0, gained, lost };
    });
  },

  async supersede(trx, items) {
    await sql`select watchpost.supersede_searches(${items.map((item) => item.embedding_id)}::uuid[])`.execute(
      trx,
    );
  },
};
