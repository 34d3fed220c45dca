import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { readLinks } from './links.ts';
import { readRegister } from './registers.ts';

/** What an export reads from the database. */

/** A person with everything that is exported of them. */
export interface Person {
  readonly id: string;
  readonly name: string;
  readonly external_ref: string | null;
  readonly metadata: Record<string, unknown>;
  readonly legal_basis: string;
  readonly keep_until: string | null;
  readonly created_at: string;
  readonly watchlists: { readonly name: string; readonly created_at: string }[];
  readonly photos: Photo[];
}

/** A photo that is enrolled. */
export interface Photo {
  readonly id: string;
  readonly image_id: string;
  readonly face: number | null;
  /** Also of what the gate of an import would refuse because it may be enrolled in another order. */
  readonly accept: string[];
  readonly format: string | null;
}

/** All rows as of one moment. The photos themselves are read later, one at a time: together they may be large. */
export const readEverything = (db: Kysely<DB>) =>
  db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (trx) => {
      // Offsets of other time zones had seconds before 1900, which ISO 8601 does not know.
      await sql`set local timezone = 'UTC'`.execute(trx);
      return {
        people: await readPeople(trx),
        links: await readLinks(trx),
        cameras: await readRegister(trx, 'camera'),
        watchlists: await readRegister(trx, 'watchlist'),
      };
    });

/**
 * Two people who look alike were enrolled one after the other, and `face_of_another` was accepted for the second, or it was
 * still more like the person's other photos. In an import the first may come second, so both of the photos accept it.
 */
const readPeople = async (db: Kysely<DB>): Promise<Person[]> => {
  const { rows } = await sql<Person>`
    with second as materialized (
      select r.person_photo_id, r.person_id, r.model_id, r.vector
      from watchpost.reference as r
      join watchpost.person_photo as f on f.id = r.person_photo_id
      where r.superseded_at is null and (r.looks_like is not null or 'face_of_another' = any (f.accept))
    ),
    alike as materialized (
      select s.person_photo_id from second as s
      union
      select o.person_photo_id
      from second as s
      join watchpost.model as m on m.id = s.model_id
      join watchpost.reference as o
        on o.model_id = s.model_id and o.superseded_at is null and o.person_id <> s.person_id
      where watchpost.likeness(o.vector, s.vector) >= coalesce((m.thresholds ->> 'default')::real, 0.5)
    )
    select
      p.id,
      p.name,
      p.external_ref,
      p.metadata,
      p.legal_basis,
      to_jsonb(p.keep_until) #>> '{}' as keep_until,
      to_jsonb(p.created_at) #>> '{}' as created_at,
      (
        select coalesce(jsonb_agg(jsonb_build_object('name', w.name, 'created_at', e.created_at) order by w.name), '[]')
        from watchpost.watchlist_entry as e
        join watchpost.watchlist as w on w.id = e.watchlist_id
        where e.person_id = p.id
      ) as watchlists,
      (
        select coalesce(
          jsonb_agg(
            jsonb_build_object(
              'id', f.id, 'image_id', f.image_id, 'face', f.chosen_face, 'format', i.format,
              'accept', case
                when f.id in (select a.person_photo_id from alike as a) and not 'face_of_another' = any (f.accept)
                  then array_append(f.accept, 'face_of_another')
                else f.accept
              end
            )
            order by f.id
          ),
          '[]'
        )
        from watchpost.person_photo as f
        join watchpost.image as i on i.id = f.image_id
        where f.person_id = p.id
          and f.removed_at is null
          and exists (select from watchpost.reference as r where r.person_photo_id = f.id and r.superseded_at is null)
      ) as photos
    from watchpost.person as p
    where p.merged_into is null
    order by p.id
  `.execute(db);
  return rows;
};
