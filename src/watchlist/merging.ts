import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import type { Page } from '../fields.ts';

/** Merging people who are one person: see sql/5-alerts/merge-persons.sql and unmerge-persons.sql. */

/** A merge, or a merge that was undone. */
export interface Merge {
  readonly id: string;
  /** Who has everything of both. */
  readonly person_id: string;
  readonly merged_id: string;
  readonly note: string | null;
  readonly merged_by: string;
  readonly merged_at: Date;
  /** How many rows of each table were changed. */
  readonly moved: Readonly<Record<string, number>>;
}

/**
 * Gives everything of a person to another one, whom the merged id leads to from then on.
 *
 * @param people.keep keeps name, external_ref and metadata.
 * @throws {WatchpostError} by SQLSTATE: person_unknown, merge_self, merge_refused, person_merged.
 */
export const mergePersons = async (
  db: Kysely<DB>,
  people: { readonly keep: string; readonly merged: string },
  note?: string,
): Promise<Merge> => {
  const { rows } = await sql<Merge>`
    select m.id, m.kept_id as person_id, m.merged_id, m.note, m.merged_by, m.merged_at, m.moved
    from watchpost.merge_persons(${people.keep}, ${people.merged}, ${note ?? null}) as m
  `.execute(db);
  return rows[0] as Merge;
};

/**
 * Undoes a merge: every row that it has changed is as it was.
 *
 * @param merged the person who was merged, not the survivor.
 * @throws {WatchpostError} by SQLSTATE: person_unknown, merge_missing, merge_not_latest.
 */
export const unmergePersons = async (db: Kysely<DB>, merged: string, note?: string): Promise<Merge> => {
  const { rows } = await sql<Merge>`
    select m.id, m.kept_id as person_id, m.merged_id, m.undo_note as note, m.merged_by, m.merged_at, m.moved
    from watchpost.unmerge_persons(${merged}, ${note ?? null}) as m
  `.execute(db);
  return rows[0] as Merge;
};

/** A merge, with the names of both and whether it was undone. */
export interface MergeRecord extends Merge {
  readonly person: string;
  readonly merged: string;
  readonly undone_at: Date | null;
  readonly undone_by: string | null;
  readonly undo_note: string | null;
}

/**
 * A page of all merges, also those that were undone, the latest first.
 *
 * @param wanted.person the id of somebody who was merged, or who has got everything. @param wanted.undone whether it was
 *   undone; undefined: either.
 */
export const listMerges = async (
  db: Kysely<DB>,
  wanted: { id?: string; person?: string | undefined; undone?: boolean | undefined } & Page,
): Promise<MergeRecord[]> => {
  const [id, person, undone, after] = [wanted.id, wanted.person, wanted.undone, wanted.after].map(
    (value) => value ?? null,
  );
  const { rows } = await sql<MergeRecord>`
    select
      m.id, m.kept_id as person_id, k.name as person, m.merged_id, p.name as merged, m.note, m.merged_by, m.merged_at,
      m.moved, m.undone_at, m.undone_by, m.undo_note
    from watchpost.person_merge as m
    join watchpost.person as k on k.id = m.kept_id
    join watchpost.person as p on p.id = m.merged_id
    where (${id}::uuid is null or m.id = ${id}::uuid)
      and (${person}::uuid is null or m.kept_id = ${person}::uuid or m.merged_id = ${person}::uuid)
      and (${undone}::boolean is null or (m.undone_at is not null) = ${undone}::boolean)
      and (${after}::uuid is null or m.id < ${after}::uuid)
    order by m.id desc
    limit ${wanted.limit}
  `.execute(db);
  return rows;
};

/** The people who were merged into one, directly or through others, latest first. */
export const readMerged = async (db: Kysely<DB>, personId: string): Promise<MergedPerson[]> => {
  const { rows } = await sql<MergedPerson>`
    with recursive merged as (
      select m.* from watchpost.person_merge as m where m.kept_id = ${personId} and m.undone_at is null
      union all
      select m.*
      from merged as b
      join watchpost.person_merge as m on m.kept_id = b.merged_id and m.undone_at is null
    )
    select p.id, p.name, p.external_ref, m.merged_at, m.merged_by, m.note
    from merged as m
    join watchpost.person as p on p.id = m.merged_id
    order by m.id desc
  `.execute(db);
  return rows;
};

interface MergedPerson {
  readonly id: string;
  readonly name: string;
  readonly external_ref: string | null;
  readonly merged_at: Date;
  readonly merged_by: string;
  readonly note: string | null;
}

/** Somebody who may be the same person as another, because a photo of the one looks like the other. */
export interface Duplicate {
  readonly id: string;
  readonly name: string;
}

/** Whom photos of a person look like, so that the two may be one. */
export const findDuplicates = async (db: Kysely<DB>, personId: string): Promise<Duplicate[]> => {
  const { rows } = await sql<Duplicate>`
    select distinct o.id, o.name
    from watchpost.photo_status as s
    join watchpost.person as o on o.id = s.looks_like
    where s.person_id = ${personId}
    order by o.name, o.id
  `.execute(db);
  return rows;
};
