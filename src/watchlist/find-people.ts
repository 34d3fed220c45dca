import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { findWatchlist } from './entries.ts';
import { personUnknown } from './people.ts';

/** Finding people, and reading one with their lists and photos. */

/** Conditions for a list of people. Each page begins after the last id of the previous one. */
export interface PersonFilter {
  /** The beginning of the name, case-insensitive. */
  readonly name?: string | undefined;
  readonly external_ref?: string | undefined;
  /** Name or id. */
  readonly watchlist?: string | undefined;
  readonly after?: string | undefined;
  readonly limit: number;
}

/**
 * People in the order in which they were added, with their lists and number of references.
 *
 * @throws {WatchpostError} watchlist_unknown.
 */
export const findPersons = async (db: Kysely<DB>, filter: PersonFilter) => {
  const listId = filter.watchlist === undefined ? undefined : await findWatchlist(db, filter.watchlist);
  return db
    .selectFrom('watchpost.person as p')
    .select([
      'p.id',
      'p.name',
      'p.external_ref',
      'p.metadata',
      'p.created_at',
      watchlistsOf.as('watchlists'),
      sql<number>`(
        select count(*)::integer from watchpost.reference as r where r.person_id = p.id and r.superseded_at is null
      )`.as('references'),
    ])
    .$if(filter.name !== undefined, (q) =>
      q.where(sql<boolean>`starts_with(lower(p.name), lower(${filter.name}))`),
    )
    .$if(filter.external_ref !== undefined, (q) =>
      q.where('p.external_ref', '=', filter.external_ref as string),
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
 * A person with their lists and photos: the state of each photo, and the quality of its view.
 *
 * @throws {WatchpostError} person_unknown.
 */
export const readPerson = async (db: Kysely<DB>, id: string) => {
  const person = await db
    .selectFrom('watchpost.person as p')
    .selectAll('p')
    .select(watchlistsOf.as('watchlists'))
    .where('p.id', '=', id)
    .executeTakeFirst();
  if (!person) throw personUnknown(id);
  const photos = await db
    .selectFrom('watchpost.photo_status as s')
    .selectAll('s')
    .select((eb) =>
      eb(
        's.person_photo_id',
        'is not distinct from',
        eb.selectFrom('watchpost.best_photo as b').select('b.person_photo_id').where('b.person_id', '=', id),
      ).as('best'),
    )
    .where('s.person_id', '=', id)
    .orderBy('s.person_photo_id')
    .execute();
  return {
    ...person,
    photos: photos.map((photo) => ({
      id: photo.person_photo_id,
      image_id: photo.image_id,
      chosen_face: photo.chosen_face,
      state: photo.state,
      code: photo.code,
      message: photo.message,
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
