import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import type { Page } from '../fields.ts';
import type { PlanPoint } from './cameras.ts';
import { readSurvivor } from './people.ts';

/** Where a person was seen: sql/5-alerts/sightings.sql. */

/** A time span, in ISO 8601; undefined: no bound. */
export interface Period {
  readonly since?: string | undefined;
  /** Not included. */
  readonly until?: string | undefined;
}

interface Place {
  /** Null: the photo is not from a known camera. */
  readonly camera_id: string | null;
  /** What the camera was called then, and where it was. */
  readonly camera: string | null;
  readonly location: string | null;
  readonly zone: string | null;
  /** Null: the camera is on no plan, or was at another location then. */
  readonly plan: PlanPoint | null;
}

/** A face that is the person, or the face that stands for a track. */
export interface PersonSighting extends Place {
  readonly face_id: string;
  readonly image_id: string;
  readonly seen_at: Date;
  /** Of a track, when it was seen last. */
  readonly seen_until: Date;
  readonly track_id: string | null;
  readonly faces: number;
  readonly similarity: number;
  readonly retroactive: boolean;
  /** On which lists they were found, and the alert that each sighting is part of. */
  readonly watchlists: readonly { id: string; name: string; threshold: number; alert_id: string | null }[];
}

const planOf = (row: string) =>
  sql<PlanPoint | null>`case
    when ${sql.ref(`${row}.plan_id`)} is not null
    then json_build_object('id', ${sql.ref(`${row}.plan_id`)}, 'x', ${sql.ref(`${row}.plan_x`)}, 'y', ${sql.ref(`${row}.plan_y`)})
  end`;

/**
 * A page of a person's sightings, those seen last first: one a face, whatever number of lists the person is on.
 *
 * @param asked the id of the person, or of one who was merged into them.
 * @param page.after the id of a face.
 * @throws {WatchpostError} person_unknown; face_unknown if the face that the page begins after is not theirs any more.
 */
export const readPersonSightings = async (
  db: Kysely<DB>,
  asked: string,
  { since, until }: Period,
  { after, limit }: Page,
): Promise<PersonSighting[]> => {
  const person = await readSurvivor(db, asked);
  const start = after === undefined ? null : await findSighting(db, person, after);
  const { rows } = await sql<PersonSighting>`
    with face as (
      select s.face_id, s.seen_at
      from watchpost.sighting as s
      where s.person_id = ${person}
        and (${since ?? null}::timestamptz is null or s.seen_at >= ${since ?? null}::timestamptz)
        and (${until ?? null}::timestamptz is null or s.seen_at < ${until ?? null}::timestamptz)
        and (${start}::timestamptz is null or (s.seen_at, s.face_id) < (${start}::timestamptz, ${after ?? null}::uuid))
      group by s.face_id, s.seen_at
      order by s.seen_at desc, s.face_id desc
      limit ${limit}
    )
    select
      s.face_id, s.image_id, s.seen_at, s.seen_until, s.track_id, s.faces, s.camera_id, s.camera, s.location, s.zone,
      ${planOf('s')} as plan,
      max(s.similarity) as similarity, bool_and(s.retroactive) as retroactive,
      json_agg(
        json_build_object('id', m.watchlist_id, 'name', s.watchlist, 'threshold', s.threshold, 'alert_id', s.alert_id)
        order by s.watchlist
      ) as watchlists
    from face as f
    join watchpost.match as m on m.face_id = f.face_id and m.person_id = ${person} and m.superseded_at is null
    join watchpost.sighting as s on s.match_id = m.id
    group by
      s.face_id, s.image_id, s.seen_at, s.seen_until, s.track_id, s.faces, s.camera_id, s.camera, s.location, s.zone,
      s.plan_id, s.plan_x, s.plan_y
    order by s.seen_at desc, s.face_id desc
  `.execute(db);
  return rows;
};

/** When a face was seen, to the microsecond. */
const findSighting = async (db: Kysely<DB>, person: string, face: string): Promise<string> => {
  const { rows } = await sql<{ seen_at: string }>`
    select s.seen_at::text from watchpost.sighting as s where s.face_id = ${face} and s.person_id = ${person} limit 1
  `.execute(db);
  if (rows[0]) return rows[0].seen_at;
  throw new WatchpostError('face_unknown', `The face ${face} is no sighting of this person.`);
};

/** A stay of a person before a camera: a row of watchpost.path(). */
export interface Stay extends Place {
  /** The first sighting and the last. */
  readonly from: Date;
  readonly to: Date;
  readonly sightings: number;
  /** Of the most similar one. */
  readonly similarity: number;
}

/**
 * The path of a person: their stays, oldest first.
 *
 * @param wanted.apart_seconds sightings at one camera with more than this between them are two stays; default half an hour.
 * @param wanted.limit of many stays the latest.
 * @throws {WatchpostError} person_unknown.
 */
export const readPath = async (
  db: Kysely<DB>,
  asked: string,
  wanted: Period & { readonly apart_seconds?: number | undefined; readonly limit: number },
): Promise<Stay[]> => {
  const person = await readSurvivor(db, asked);
  const { rows } = await sql<Stay>`
    select
      t.camera_id, t.camera, t.location, t.zone, ${planOf('t')} as plan,
      t.arrived_at as from, t.left_at as to, t.sightings::integer, t.similarity
    from watchpost.path(
      ${person}, ${wanted.since ?? null}::timestamptz, ${wanted.until ?? null}::timestamptz,
      make_interval(secs => ${wanted.apart_seconds ?? 1800})
    ) as t
    order by t.arrived_at desc, t.left_at desc
    limit ${wanted.limit}
  `.execute(db);
  return rows.reverse();
};
