import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { findWatchlist } from './entries.ts';
import { readMerged } from './merging.ts';
import { personUnknown } from './people.ts';

/** Finding people, and reading one with their lists and photos. */

/** Conditions for a list of people. Each page begins after the last id of the previous one. */
export interface PersonFilter {
  /** The beginning of the name, case-insensitive. */
  readonly name?: string | undefined;
  /** Any part of the name, case-insensitive. */
  readonly query?: string | undefined;
  readonly external_ref?: string | undefined;
  /** Name or id. */
  readonly watchlist?: string | undefined;
  readonly after?: string | undefined;
  readonly limit: number;
}

const columns = [
  'p.id',
  'p.name',
  'p.external_ref',
  'p.metadata',
  'p.legal_basis',
  'p.keep_until',
  'p.created_at',
] as const;

/** The pattern of LIKE for a text with anything around it. */
const anywhere = (text: string): string => `%${text.replace(/[\\%_]/g, '\\$&')}%`;

/**
 * People in the order in which they were added, with their lists, number of references and best photo.
 *
 * @throws {WatchpostError} watchlist_unknown.
 */
export const findPersons = async (db: Kysely<DB>, filter: PersonFilter) => {
  const listId = filter.watchlist === undefined ? undefined : await findWatchlist(db, filter.watchlist);
  return db
    .selectFrom('watchpost.person as p')
    .select([
      ...columns,
      watchlistsOf.as('watchlists'),
      sql<number>`(
        select count(*)::integer from watchpost.reference as r where r.person_id = p.id and r.superseded_at is null
      )`.as('references'),
      sql<{ id: string; image_id: string; face_id: string } | null>`(
        select json_build_object('id', b.person_photo_id, 'image_id', b.image_id, 'face_id', b.face_id)
        from watchpost.best_photo as b
        where b.person_id = p.id
      )`.as('best_photo'),
    ])
    .$if(filter.name !== undefined, (q) =>
      q.where(sql<boolean>`starts_with(lower(p.name), lower(${filter.name}))`),
    )
    .$if(filter.query !== undefined, (q) =>
      q.where(sql<boolean>`lower(p.name) like lower(${anywhere(filter.query as string)})`),
    )
    .where('p.merged_into', 'is', null)
    .$if(filter.external_ref !== undefined, (q) =>
      // The reference of somebody who was merged leads to the survivor.
      q.where(
        sql<boolean>`p.id = (
          select watchpost.survivor(r.id) from watchpost.person as r where r.external_ref = ${filter.external_ref}
        )`,
      ),
    )
    .$if(listId !== undefined, (q) =>
      q.where(
        sql<boolean>`exists (
          select from watchpost.watchlist_entry as e where e.person_id = p.id and e.watchlist_id = ${listId}
        )`,
      ),
    )
    .$if(filter.after !== undefined, (q) => q.where('p.id', '>', filter.after as string))
    .orderBy('p.id')
    .limit(filter.limit)
    .execute();
};

/**
 * A person with their lists and photos, the state of each photo and the quality of its view, and the people who were
 * merged into them.
 *
 * @param asked the id of the person, or of one who was merged into them.
 * @throws {WatchpostError} person_unknown.
 */
export const readPerson = async (db: Kysely<DB>, asked: string) => {
  const person = await db
    .selectFrom('watchpost.person as p')
    .select([...columns, watchlistsOf.as('watchlists')])
    .where('p.id', '=', sql<string>`watchpost.survivor(${asked})`)
    .executeTakeFirst();
  if (!person) throw personUnknown(asked);
  const photos = await db
    .selectFrom('watchpost.photo_status as s')
    .leftJoin('watchpost.person as o', 'o.id', 's.looks_like')
    .selectAll('s')
    .select((eb) => [
      'o.name as looks_like_name',
      eb(
        's.person_photo_id',
        'is not distinct from',
        eb
          .selectFrom('watchpost.best_photo as b')
          .select('b.person_photo_id')
          .where('b.person_id', '=', person.id),
      )
        .$castTo<boolean>()
        .as('best'),
    ])
    .where('s.person_id', '=', person.id)
    .orderBy('s.person_photo_id')
    .execute();
  return {
    ...person,
    merged: await readMerged(db, person.id),
    photos: photos.map((photo) => ({
      id: photo.person_photo_id,
      image_id: photo.image_id,
      chosen_face: photo.chosen_face,
      state: photo.state,
      code: photo.code,
      message: photo.message,
      looks_like: photo.looks_like ? { id: photo.looks_like, name: photo.looks_like_name } : null,
      reference_id: photo.reference_id,
      best: photo.best,
      damaged: photo.damaged,
      face_id: photo.face_id,
      quality: photo.face_id
        ? {
            score: photo.score,
            height_px: photo.height_px,
            sharpness: photo.sharpness,
            yaw: photo.yaw,
            pitch: photo.pitch,
            roll: photo.roll,
            norm: photo.norm,
            gate: photo.gate,
          }
        : null,
      accept: photo.accept,
      removed_at: photo.removed_at,
      removed_by: photo.removed_by,
    })),
  };
};

const watchlistsOf = sql<{ id: string; name: string }[]>`(
  select coalesce(json_agg(json_build_object('id', w.id, 'name', w.name) order by w.name), '[]')
  from watchpost.watchlist_entry as e
  join watchpost.watchlist as w on w.id = e.watchlist_id
  where e.person_id = p.id
)`;
