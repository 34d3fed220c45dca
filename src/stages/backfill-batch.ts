import { setTimeout as sleep } from 'node:timers/promises';
import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import type { Searched } from '../watchlist/decision.ts';
import { searchFaces } from './match.ts';

/** One batch of a backfill: the comparison of past faces with a person. This is its result. */
export interface SearchedBatch {
  /** The number of past embeddings that were compared with the person. */
  readonly compared: number;
  /** The near ones, each searched again among everybody. */
  readonly searched: readonly Searched[];
  /** Where the next batch begins; null if there are no older embeddings. */
  readonly next_cursor: string | null;
}

/** How much one batch does; tests use small values. */
export interface BatchSize {
  /** Past embeddings that one batch compares with the person. */
  readonly compare: number;
  /** Near faces that one batch searches again; twice as many if it runs in two halves. */
  readonly search: number;
  /** A batch of at least `from` embeddings runs in two sessions, if no photo arrived for `quietSeconds`. */
  readonly halves: { readonly from: number; readonly quietSeconds: number };
  /** Embeddings that one batch compares while photos arrive; it then pauses for four times as long as that took. */
  readonly compareWhileLive: number;
}

/**
 * Comparing a million vectors of 512 numbers takes 0.4 s, so a batch whose worker dies is repeated within a second, and
 * most backfills are a single batch. 200 faces are as many as three live jobs search.
 */
export const usualSize: BatchSize = {
  compare: 2_000_000,
  search: 200,
  halves: { from: 100_000, quietSeconds: 2 },
  compareWhileLive: 100_000,
};

/** A backfill, and the embedding id below which the batch begins; null: at the newest. */
interface Position {
  readonly backfill_id: string;
  readonly cursor?: string | null | undefined;
}

/**
 * Compares the next batch of past embeddings with the person of a backfill, newest first, and searches the near ones
 * again.
 *
 * @returns undefined if the backfill is gone.
 */
export const searchBatch = async (
  db: Kysely<DB>,
  { backfill_id, cursor = null }: Position,
  size: BatchSize,
  minimalNorm: number,
): Promise<SearchedBatch | undefined> => {
  const search = (range: Range) => searchRange(db, backfill_id, range, size, minimalNorm);
  const { live, middle } = await planBatch(db, backfill_id, cursor, size);
  if (live) {
    const begun = performance.now();
    const batch = await search({
      below: cursor,
      from: null,
      compare: Math.min(size.compare, size.compareWhileLive),
    });
    await sleep(4 * (performance.now() - begun));
    return batch;
  }
  if (!middle) return search({ below: cursor, from: null, compare: size.compare });
  const [newer, older] = await Promise.all([
    search({ below: cursor, from: middle, compare: size.compare }),
    search({ below: middle, from: null, compare: Math.ceil(size.compare / 2) }),
  ]);
  // If the newer half has too many near faces to finish, the next batch continues there and repeats the older half.
  if (!newer || !older || newer.next_cursor) return newer;
  return {
    compared: newer.compared + older.compared,
    searched: [...newer.searched, ...older.searched],
    next_cursor: older.next_cursor,
  };
};

/** Whether photos are arriving, and the embedding id at which to split the batch; null: not to be split. */
const planBatch = async (
  db: Kysely<DB>,
  backfillId: string,
  cursor: string | null,
  { compare, halves }: BatchSize,
): Promise<{ live: boolean; middle: string | null }> => {
  const { rows } = await sql<{ live: boolean; middle: string | null }>`
    select
      watchpost.is_live(q.quiet) as live,
      watchpost.middle_of_past(${backfillId}, ${cursor}::uuid, ${compare}, ${halves.from}, q.quiet) as middle
    from (select make_interval(secs => ${halves.quietSeconds}) as quiet) as q
  `.execute(db);
  return rows[0] ?? { live: false, middle: null };
};

/** Embedding ids, `from` included and `below` excluded, of which at most `compare` are compared; null: no bound. */
interface Range {
  readonly below: string | null;
  readonly from: string | null;
  readonly compare: number;
}

const searchRange = async (
  db: Kysely<DB>,
  backfillId: string,
  { below, from, compare }: Range,
  size: BatchSize,
  minimalNorm: number,
): Promise<SearchedBatch | undefined> => {
  const { rows } = await sql<{
    person: string;
    embeddings: string[];
    compared: number;
    next_cursor: string | null;
  }>`
    select b.person_id as person, n.embeddings, n.searched as compared, n.next_cursor
    from watchpost.backfill as b
    cross join lateral
      watchpost.next_past_faces(b.id, ${below}::uuid, ${compare}, ${size.search}, ${from}::uuid) as n
    where b.id = ${backfillId}
  `.execute(db);
  if (!rows[0]) return undefined;
  const { person, embeddings, compared, next_cursor } = rows[0];
  const searches = await searchFaces(db, embeddings, minimalNorm, { alsoCompare: person });
  return { compared, searched: [...searches.values()], next_cursor };
};
