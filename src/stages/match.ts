import { type Kysely, sql, type Transaction } from 'kysely';
import { z } from 'zod';
import { anyOf } from '../database/any-of.ts';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import { decide } from '../watchlist/decision.ts';
import { findNearest } from '../watchlist/nearest.ts';
import { rank, type Searched, type Standing } from '../watchlist/ranking.ts';
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

// Searching and writing, which backfills use as well.

/** The reasons to supersede matches; see the column match.superseded_because. */
export type SupersededBecause = 'replay' | 'backfill';

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

/** The standing matches in the photos of these faces; locks the photos. */
const readStanding = async (db: Kysely<DB>, searched: readonly Searched[]): Promise<Standing[]> => {
  const images = searched.map(({ nearest }) => nearest.image_id);
  if (images.length === 0) return [];
  const { rows } = await sql<Standing>`
    select * from watchpost.standing_matches(${[...new Set(images)]}::uuid[])
  `.execute(db);
  return rows;
};

/**
 * Writes a search for each face, and the matches of the faces that are recognised and the best of their photo. A
 * standing match that is outranked is superseded.
 *
 * @returns the number of matches.
 */
export const writeMatches = async (
  trx: Transaction<DB>,
  found: readonly Searched[],
  options: { retroactive: boolean },
): Promise<number> => {
  const { retroactive } = options;
  const recognised = found.filter(({ decision }) => decision.outcome === 'match');
  const { searched, beaten } = rank(found, await readStanding(trx, recognised));
  if (beaten.length > 0) {
    await sql`select watchpost.withdraw_matches(${beaten}::uuid[], 'outranked')`.execute(trx);
  }
  const decided = searched.map(({ nearest, decision }) => ({
    embedding_id: nearest.embedding_id,
    image_id: nearest.image_id,
    face_id: nearest.face_id,
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
  }));
  const matches = decided.reduce((sum, one) => sum + one.matches.length, 0);
  const searches = insertSearches(JSON.stringify(decided), retroactive);
  await (matches > 0 ? sql`${searches} ${insertMatches(retroactive)}` : sql`${searches} select`).execute(trx);
  return matches;
};

/** A `with` clause that inserts any number of searches, as one statement text that a session plans once. */
const insertSearches = (decided: string, retroactive: boolean) => sql`
  with decided as materialized (
    select *
    from jsonb_to_recordset(${decided}::text::jsonb) as d (
      embedding_id uuid, image_id uuid, face_id uuid, model_id text, watchlists uuid[], watchlist_versions integer[],
      method text, outcome text, gate text[], reference_id uuid, person_id uuid, similarity real,
      reference_similarity real, matches jsonb
    )
  ),
  searched as (
    insert into watchpost.search (
      embedding_id, face_id, model_id, watchlists, watchlist_versions, method, outcome, gate, reference_id, person_id,
      similarity, reference_similarity, retroactive
    )
    select
      d.embedding_id, d.face_id, d.model_id, d.watchlists, d.watchlist_versions, d.method, d.outcome, d.gate,
      d.reference_id, d.person_id, d.similarity, d.reference_similarity, ${retroactive}
    from decided as d
    returning id, embedding_id
  )`;

/** Inserts the matches of the searches of the same statement. */
const insertMatches = (retroactive: boolean) => sql`
  insert into watchpost.match (
    search_id, image_id, face_id, person_id, reference_id, watchlist_id, similarity, threshold, retroactive
  )
  select
    s.id, d.image_id, d.face_id, d.person_id, d.reference_id, m.watchlist_id, d.similarity, m.threshold, ${retroactive}
  from decided as d
  join searched as s using (embedding_id)
  cross join lateral jsonb_to_recordset(d.matches) as m (watchlist_id uuid, threshold real)`;

/** The difference between the standing result of a face and a new search. */
export interface Change {
  readonly same: boolean;
  readonly gained: number;
  readonly lost: number;
}

/**
 * Compares searches with the standing rows.
 *
 * @returns one change for each search, in order.
 */
export const compareMatches = async (db: Kysely<DB>, found: readonly Searched[]): Promise<Change[]> => {
  if (found.length === 0) return [];
  const { searched } = rank(found, await readStanding(db, found));
  const standing = await db
    .selectFrom('watchpost.search as s')
    .leftJoin('watchpost.match as m', (join) =>
      join.onRef('m.face_id', '=', 's.face_id').on('m.superseded_at', 'is', null),
    )
    .select(['s.embedding_id', 's.outcome', 's.person_id as nearest', 'm.person_id', 'm.watchlist_id'])
    .where('s.embedding_id', '=', anyOf(found.map(({ nearest }) => nearest.embedding_id)))
    .where('s.superseded_at', 'is', null)
    .execute();
  return searched.map(({ nearest, decision }) => {
    const person = decision.nearest?.person_id ?? null;
    const rows = standing.filter((row) => row.embedding_id === nearest.embedding_id);
    const before = new Set(
      rows.flatMap((row) => (row.person_id ? [`${row.person_id} ${row.watchlist_id}`] : [])),
    );
    const after = new Set(decision.matches.map((match) => `${person} ${match.watchlist_id}`));
    const gained = [...after].filter((key) => !before.has(key)).length;
    const lost = [...before].filter((key) => !after.has(key)).length;
    const asBefore = rows.some((row) => row.outcome === decision.outcome && row.nearest === person);
    return { same: asBefore && gained === 0 && lost === 0, gained, lost };
  });
};

/** Supersedes the searches of these embeddings, and withdraws their matches. */
export const supersedeMatches = async (
  trx: Transaction<DB>,
  embeddingIds: readonly string[],
  because: SupersededBecause,
): Promise<void> => {
  await sql`select watchpost.supersede_searches(${embeddingIds}::uuid[], ${because})`.execute(trx);
};
