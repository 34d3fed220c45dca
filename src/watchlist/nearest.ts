import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';

/** The number of candidates, so that there is another one if the nearest are ruled out. */
const most = 5;

/** A person that a face may be. */
export interface Candidate {
  readonly person_id: string;
  /** Their nearest reference. */
  readonly reference_id: string;
  /** Similarity over all their photos, -1 to 1; see sql/4-people/person-vectors.sql. */
  readonly similarity: number;
  /** Cosine similarity to the nearest reference alone. */
  readonly reference_similarity: number;
  /** Reaches the threshold of one of their lists, but a cannot_link says that this face is not them. */
  readonly ruled_out: boolean;
  /** Their active lists. */
  readonly lists: readonly {
    readonly id: string;
    readonly threshold: number;
    /** The track reaches the threshold, but too few of its faces do: min_looks, min_share. Never of a single photo. */
    readonly few_looks?: boolean;
  }[];
}

/** The result of searching for one face. */
export interface Nearest {
  readonly embedding_id: string;
  readonly face_id: string;
  readonly image_id: string;
  /** The track that the face stands for, how often it was given to be searched, and its good faces; null: none. */
  readonly track_id: string | null;
  readonly track_revision: number | null;
  readonly track_looks: number | null;
  readonly model_id: string;
  readonly norm: number;
  readonly face_gate: string[];
  readonly method: 'exact' | 'hnsw';
  /** The active lists. */
  readonly watchlists: string[];
  /** The versions of these lists, in the same order. */
  readonly watchlist_versions: number[];
  /** The nearest people on these lists, most similar first; empty if nobody is enrolled. */
  readonly candidates: readonly Candidate[];
}

/**
 * Searches the active watchlists for each embedding, in one statement.
 *
 * @param options.most the number of candidates.
 * @param options.exactUpTo up to how many people all are compared, and above the index is asked; undefined: the number
 *   of sql/4-people/person-index.sql.
 * @param options.alsoCompare a person to compare even if the index does not find them.
 * @returns by embedding id, without embeddings that are gone.
 */
export const findNearest = async (
  db: Kysely<DB>,
  embeddingIds: readonly string[],
  options: { most?: number; exactUpTo?: number; alsoCompare?: string } = {},
): Promise<Map<string, Nearest>> => {
  const { rows } = await sql<Nearest>`
    select * from watchpost.find_nearest(${embeddingIds}::uuid[], ${options.exactUpTo ?? null}::integer, ${options.most ?? most}, ${options.alsoCompare ?? null}::uuid)
  `.execute(db);
  return new Map(rows.map((row) => [row.embedding_id, row]));
};
