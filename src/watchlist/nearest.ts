import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';

/**
 * Up to this many people on active watchlists, every one is compared: never wrong, and about 1 ms a thousand. Above, the
 * HNSW index is asked. What counts is who is searched for, not who is enrolled: with 30 people on the lists of 16,667
 * enrolled ones an index took 57 ms and named the wrong one 6 times in 40, comparing them all 18 ms and never.
 */
const exactUpTo = 10_000;

/** So many people are told of each search, so that there is somebody left when the nearest are ruled out. */
const most = 5;

/** Somebody a face may be. */
export interface Candidate {
  readonly person_id: string;
  /** The nearest of their references. */
  readonly reference_id: string;
  /** Fused over all their photos; cosine, -1 to 1. */
  readonly similarity: number;
  /** That of the nearest reference alone. */
  readonly reference_similarity: number;
  /** Near enough for one of their lists, but a cannot_link says that this face is not them. */
  readonly ruled_out: boolean;
  /** The active lists that they are on. */
  readonly lists: readonly { readonly id: string; readonly threshold: number }[];
}

/** What a search of one face found. */
export interface Nearest {
  readonly embedding_id: string;
  readonly face_id: string;
  readonly image_id: string;
  readonly model_id: string;
  readonly norm: number;
  readonly face_gate: string[];
  readonly method: 'exact' | 'hnsw';
  /** The lists that were active. */
  readonly watchlists: string[];
  /** Their versions, in the same order. */
  readonly watchlist_versions: number[];
  /** The nearest people on them, most alike first; empty if nobody is enrolled. */
  readonly candidates: readonly Candidate[];
}

/**
 * Searches the active watchlists for each embedding, in one statement.
 *
 * @param options how many people at most, somebody who is compared even if an index misses them, and up to how many people all are compared; a test has fewer.
 * @returns by embedding id; an embedding that is gone is missing.
 */
export const findNearest = async (
  db: Kysely<DB>,
  embeddingIds: readonly string[],
  options: { most?: number; exactUpTo?: number; besides?: string } = {},
): Promise<Map<string, Nearest>> => {
  const { rows } = await sql<Nearest>`
    select * from watchpost.find_nearest(${embeddingIds}::uuid[], ${options.exactUpTo ?? exactUpTo}, ${options.most ?? most}, ${options.besides ?? null}::uuid)
  `.execute(db);
  return new Map(rows.map((row) => [row.embedding_id, row]));
};
