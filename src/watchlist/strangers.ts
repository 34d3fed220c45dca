import { type Kysely, type NotNull, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { orNameTaken } from '../database/unique.ts';
import { WatchpostError } from '../errors.ts';
import type { Page } from '../fields.ts';

/** Strangers: groups of faces that match nobody; see sql/4-people/stranger-groups.sql. */

/** A stranger, with the visits that meet the conditions. */
export interface Recurring {
  readonly id: string;
  /** Sightings closer in time than the setting visit_gap are one visit. */
  readonly visits: number;
  readonly faces: number;
  readonly first_seen: Date;
  readonly last_seen: Date;
  readonly cameras: string[];
  readonly best_face_id: string;
}

/**
 * A page of the strangers with several visits, most visits first.
 *
 * @param wanted.visits the least number of visits.
 * @param wanted.since only visits that ended after this time count; undefined: all stored ones.
 * @param wanted.after the id of one that meets the conditions; else there is none after it.
 */
export const readRecurring = async (
  db: Kysely<DB>,
  wanted: { visits: number; since?: string | undefined } & Page,
): Promise<Recurring[]> => {
  const since = wanted.since ?? '-infinity';
  const { rows } = await sql<Recurring>`
    with recurring as (
      select
        v.stranger_id as id,
        count(*)::integer as visits,
        sum(v.faces)::integer as faces,
        min(v.first_seen) as first_seen,
        max(v.last_seen) as last_seen,
        (array_agg(v.best_face_id order by v.best_norm desc, v.best_face_id))[1] as best_face_id
      from watchpost.stranger_visit as v
      where v.person_id is null and v.last_seen >= ${since}::timestamptz
      group by v.stranger_id
      having count(*) >= ${wanted.visits}::integer
    ),
    page as (
      select r.*
      from recurring as r
      left join recurring as a on a.id = ${wanted.after ?? null}::uuid
      where ${wanted.after ?? null}::uuid is null
        or r.visits < a.visits
        or (r.visits = a.visits and (r.last_seen < a.last_seen or (r.last_seen = a.last_seen and r.id > a.id)))
      order by r.visits desc, r.last_seen desc, r.id
      limit ${wanted.limit}
    )
    select
      p.id, p.visits, p.faces, p.first_seen, p.last_seen,
      array(
        select distinct c
        from watchpost.stranger_visit as v
        cross join unnest(v.cameras) as c
        where v.stranger_id = p.id and v.last_seen >= ${since}::timestamptz
        order by c
      ) as cameras,
      p.best_face_id
    from page as p
    order by p.visits desc, p.last_seen desc, p.id
  `.execute(db);
  return rows;
};

/**
 * A stranger with their faces, latest first, 1,000 at most.
 *
 * @param id of the stranger, or of one that was merged into them.
 * @throws {WatchpostError} stranger_unknown.
 */
export const readStranger = async (db: Kysely<DB>, id: string) => {
  const stranger = await db
    .selectFrom('watchpost.stranger as asked')
    .innerJoin('watchpost.stranger as s', (join) =>
      join.on(sql<boolean>`s.id = coalesce(asked.merged_into, asked.id)`),
    )
    .leftJoin('watchpost.person as p', 'p.id', 's.person_id')
    .select(['s.id', 's.person_id', 'p.name as person', 's.named_at', 's.named_by', 's.created_at'])
    .where('asked.id', '=', id)
    .executeTakeFirst();
  if (!stranger) throw new WatchpostError('stranger_unknown', `There is no stranger ${id}.`);
  const faces = await db
    .selectFrom('watchpost.stranger_sighting')
    .select(['face_id', 'image_id', 'seen_at', 'visit', 'camera', 'location'])
    .where('stranger_id', '=', stranger.id)
    .orderBy('seen_at', 'desc')
    .orderBy('face_id')
    .limit(1000)
    .$narrowType<{ face_id: NotNull; image_id: NotNull; seen_at: NotNull; visit: NotNull }>()
    .execute();
  return { ...stranger, faces };
};

/**
 * Makes a group a person, with its best views as photos, which are then enrolled like any other.
 *
 * @param db a transaction in which the caller is set, or the database: then the caller is the database user.
 * @param person.watchlists names or ids.
 * @returns the person's id, and the photos that wait to be enrolled: if all are refused, `takeBackPerson` undoes it.
 * @throws {WatchpostError} name_taken if the external_ref is; by SQLSTATE: stranger_unknown, stranger_named,
 *   watchlist_unknown. Then nothing was written.
 */
export const enrolStranger = async (
  db: Kysely<DB>,
  id: string,
  person: {
    name: string;
    external_ref?: string | undefined;
    watchlists?: string[] | undefined;
    legal_basis?: string | undefined;
  },
): Promise<{ personId: string; photos: { id: string; face_id: string }[] }> => {
  const { rows } = await orNameTaken(
    `The external reference ${JSON.stringify(person.external_ref)}`,
    sql<{ id: string }>`
      select watchpost.enrol_stranger(
        ${id}::uuid, ${person.name}, ${person.external_ref ?? null}, ${person.watchlists ?? []}::text[],
        ${person.legal_basis ?? null}
      ) as id
    `.execute(db),
  );
  const personId = (rows[0] as { id: string }).id;
  const photos = await db
    .selectFrom('watchpost.person_photo as p')
    .innerJoin('watchpost.face as f', (join) =>
      join.onRef('f.image_id', '=', 'p.image_id').onRef('f.ordinal', '=', 'p.chosen_face'),
    )
    .select(['p.id', 'f.id as face_id'])
    .where('p.person_id', '=', personId)
    .where('f.superseded_at', 'is', null)
    .orderBy('p.id')
    .execute();
  return { personId, photos };
};
