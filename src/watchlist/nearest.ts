import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';

/**
 * Up to this many references on active watchlists, every one is compared: never wrong, and 1.1 to 2.1 ms a
 * thousand, so at most about what embedding the face has cost. Above, the HNSW index is asked: 2 ms at 50,000. What counts is who is
 * searched for, not who is enrolled: with 30 people on the lists of 16,667 enrolled ones the index took 57 ms and
 * named the wrong one 6 times in 40, comparing them all 18 ms and never.
 */
export const exactUpTo = 5_000;

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
 * @returns by embedding id; an embedding that is gone is missing.
 */
export const findNearest = async (
  db: Kysely<DB>,
  embeddingIds: readonly string[],
): Promise<Map<string, Nearest>> => {
  const { rows } = await sql<Nearest>`
    with probe as materialized (
      select e.id, e.face_id, f.image_id, e.model_id, e.vector, e.norm, f.gate
      from watchpost.embedding as e
      join watchpost.face as f on f.id = e.face_id
      where e.id = any (${embeddingIds}::uuid[])
    ),
    list as materialized (
      select w.id, w.version, w.threshold from watchpost.active_watchlist as w
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
                  join watchpost.active_watchlist as w on w.id = e.watchlist_id
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
      p.image_id,
      p.model_id,
      p.norm,
      p.gate as face_gate,
      m.method,
      (select coalesce(array_agg(l.id order by l.id), '{}') from list as l) as watchlists,
      (select coalesce(array_agg(l.version order by l.id), '{}') from list as l) as watchlist_versions,
      c.candidates
    from probe as p
    join model as m on m.id = p.model_id
    cross join lateral (
      select
        coalesce(
          json_agg(
            json_build_object(
              'person_id', n.person_id,
              'reference_id', n.reference_id,
              'similarity', n.similarity,
              'reference_similarity', n.reference_similarity,
              'ruled_out',
              n.similarity >= o.lowest
                and watchpost.is_ruled_out(n.person_id, p.face_id, p.model_id, p.vector, n.similarity),
              'lists', o.lists
            )
            order by n.similarity desc, n.person_id
          ),
          '[]'
        ) as candidates
      from watchpost.nearest_people(p.vector, p.model_id, m.method, ${most}) as n
      cross join lateral (
        select
          min(l.threshold) as lowest,
          coalesce(json_agg(json_build_object('id', l.id, 'threshold', l.threshold) order by l.id), '[]') as lists
        from list as l
        join watchpost.watchlist_entry as e on e.watchlist_id = l.id
        where e.person_id = n.person_id
      ) as o
    ) as c
  `.execute(db);
  return new Map(rows.map((row) => [row.embedding_id, row]));
};
