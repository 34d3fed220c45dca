import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';

/**
 * Up to this many references on enabled watchlists, every one is compared: never wrong, and 1.1 to 2.1 ms a
 * thousand, so at most about what embedding the face has cost. Above, the HNSW index is asked: 2 ms at 50,000. What counts is who is
 * searched for, not who is enrolled: with 30 people on the lists of 16,667 enrolled ones the index took 57 ms and
 * named the wrong one 6 times in 40, comparing them all 18 ms and never.
 */
export const exactUpTo = 5_000;

/** What a search of one face found. */
export interface Nearest {
  readonly embedding_id: string;
  readonly face_id: string;
  readonly model_id: string;
  readonly norm: number;
  readonly face_gate: string[];
  readonly method: 'exact' | 'hnsw';
  /** The lists that were enabled. */
  readonly watchlists: string[];
  /** The nearest person on them, by the best of their references; null if nobody is enrolled. */
  readonly person_id: string | null;
  readonly reference_id: string | null;
  /** Cosine, -1 to 1. */
  readonly similarity: number | null;
  /** The enabled lists that this person is on. */
  readonly lists: { readonly id: string; readonly threshold: number }[];
}

/**
 * Searches the enabled watchlists for each embedding, in one statement.
 *
 * @returns by embedding id; an embedding that is gone is missing.
 */
export const findNearest = async (
  db: Kysely<DB>,
  embeddingIds: readonly string[],
): Promise<Map<string, Nearest>> => {
  const { rows } = await sql<Nearest>`
    with probe as materialized (
      select e.id, e.face_id, e.model_id, e.vector, e.norm, f.gate
      from watchpost.embedding as e
      join watchpost.face as f on f.id = e.face_id
      where e.id = any (${embeddingIds}::uuid[])
    ),
    model as materialized (
      select
        m.id,
        case
          when ${exactUpTo} < (
            select count(*)
            from (
              select
              from watchpost.reference as r
              where r.model_id = m.id
                and exists (
                  select
                  from watchpost.watchlist_entry as e
                  join watchpost.watchlist as w on w.id = e.watchlist_id and w.enabled
                  where e.person_id = r.person_id
                )
              limit ${exactUpTo + 1}
            ) as counted
          )
          then 'hnsw'
          else 'exact'
        end as method
      from (select distinct p.model_id as id from probe as p) as m
    )
    select
      p.id as embedding_id,
      p.face_id,
      p.model_id,
      p.norm,
      p.gate as face_gate,
      m.method,
      (select coalesce(array_agg(w.id order by w.id), '{}') from watchpost.watchlist as w where w.enabled) as watchlists,
      n.person_id,
      n.reference_id,
      n.similarity,
      (
        select coalesce(json_agg(json_build_object('id', w.id, 'threshold', w.threshold) order by w.id), '[]')
        from watchpost.watchlist as w
        join watchpost.watchlist_entry as e on e.watchlist_id = w.id
        where w.enabled and e.person_id = n.person_id
      ) as lists
    from probe as p
    join model as m on m.id = p.model_id
    left join lateral watchpost.nearest_people(p.vector, p.model_id, m.method, 1) as n on true
  `.execute(db);
  return new Map(rows.map((row) => [row.embedding_id, row]));
};
