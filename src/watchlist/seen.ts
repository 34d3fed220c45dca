import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import { findCamera } from './cameras.ts';
import { findWatchlist } from './entries.ts';

/** Faces, searches and sightings, as lists. */

/** Conditions that these lists have in common, and which page of them; by `id`, the one row that has it. */
export interface Seen {
  readonly id?: string | undefined;
  /** The id of a photo. */
  readonly image?: string | undefined;
  /** Name or id, also of one that was removed. */
  readonly camera?: string | undefined;
  /** ISO 8601, of when the photo was taken; of a search, of when it was made. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly after?: string | undefined;
  readonly limit: number;
}

type Condition = RawBuilder<boolean>;

/** Of those conditions of which the value is given, all. */
export const whereEvery = (conditions: readonly (Condition | false)[]): Condition =>
  sql<boolean>`${sql.join([sql`true`, ...conditions.filter((one) => one !== false)], sql` and `)}`;

/** Whether a row, of a photo or a track as `i`, is of a camera. */
export const isCamera = async (db: Kysely<DB>, camera: string | undefined): Promise<Condition | false> =>
  camera !== undefined &&
  sql<boolean>`i.camera_id = ${await findCamera(db, camera, { orRemoved: true })}::uuid`;

/** Conditions for a list of faces. */
export interface FaceFilter extends Seen {
  /** The id of a person: faces that were matched to them, or that enrol them. */
  readonly person?: string | undefined;
  /** The id of a track. */
  readonly track?: string | undefined;
}

/**
 * Ids of a page of the faces that meet a filter, those of the photos taken last first.
 *
 * @throws {WatchpostError} face_unknown if the face that the page begins after is gone; camera_unknown by SQLSTATE.
 */
export const listFaceIds = async (db: Kysely<DB>, wanted: FaceFilter): Promise<string[]> => {
  const { id, image, person, track, since, until, after, limit } = wanted;
  const start = after === undefined ? undefined : await findFace(db, after);
  const { rows } = await sql<{ id: string }>`
    select f.id
    from watchpost.image as i
    join watchpost.face as f on f.image_id = i.id
    where ${whereEvery([
      // A single one is also found if a later detection has taken its place.
      id !== undefined ? sql`f.id = ${id}::uuid` : sql`f.superseded_at is null`,
      image !== undefined && sql`i.id = ${image}::uuid`,
      track !== undefined && sql`f.track_id = ${track}::uuid`,
      person !== undefined &&
        sql`f.id in (
          select m.face_id from watchpost.match as m
          where m.person_id = watchpost.survivor(${person}::uuid) and m.superseded_at is null
          union all
          select e.face_id
          from watchpost.reference as r
          join watchpost.embedding as e on e.id = r.embedding_id
          where r.person_id = watchpost.survivor(${person}::uuid) and r.superseded_at is null
        )`,
      await isCamera(db, wanted.camera),
      since !== undefined && sql`i.captured_at >= ${since}::timestamptz`,
      until !== undefined && sql`i.captured_at < ${until}::timestamptz`,
      // The first condition is one of the index.
      start !== undefined &&
        sql`i.captured_at <= ${start}::timestamptz and (i.captured_at, f.id) < (${start}::timestamptz, ${after}::uuid)`,
    ])}
    order by i.captured_at desc, f.id desc
    limit ${limit}
  `.execute(db);
  return rows.map((row) => row.id);
};

/** When the photo of a face was taken, to the microsecond. */
const findFace = async (db: Kysely<DB>, id: string): Promise<string> => {
  const { rows } = await sql<{ captured_at: string }>`
    select i.captured_at::text
    from watchpost.face as f
    join watchpost.image as i on i.id = f.image_id
    where f.id = ${id}::uuid
  `.execute(db);
  if (rows[0]) return rows[0].captured_at;
  throw new WatchpostError('face_unknown', `There is no face ${id}.`);
};

/** Conditions for a list of sightings. */
interface SightingFilter extends Seen {
  readonly person?: string | undefined;
  /** Name or id. */
  readonly watchlist?: string | undefined;
}

/** Somebody who was seen: a row of watchpost.sighting. */
export interface Sighting {
  readonly id: string;
  readonly person_id: string;
  readonly person: string;
  readonly watchlist: string;
  readonly similarity: number;
  readonly threshold: number;
  readonly seen_at: Date;
  /** Of a track, when it was seen last. */
  readonly seen_until: Date;
  readonly track_id: string | null;
  readonly faces: number;
  readonly camera: string | null;
  readonly location: string | null;
  readonly zone: string | null;
  readonly image_id: string;
  readonly face_id: string;
  readonly alert_id: string | null;
  readonly retroactive: boolean;
}

/**
 * A page of the sightings that meet a filter, those found last first.
 *
 * @throws {WatchpostError} camera_unknown, watchlist_unknown by SQLSTATE.
 */
export const listSightings = async (db: Kysely<DB>, wanted: SightingFilter): Promise<Sighting[]> => {
  const { id, image, person, watchlist, since, until, after, limit } = wanted;
  const { rows } = await sql<Sighting>`
    select
      m.id, s.person_id, s.person, s.watchlist, s.similarity, s.threshold, s.seen_at, s.seen_until,
      s.track_id, s.faces, s.camera, s.location, s.zone, s.image_id, s.face_id, s.alert_id, s.retroactive
    from watchpost.match as m
    join watchpost.image as i on i.id = m.image_id
    join watchpost.sighting as s on s.match_id = m.id
    where ${whereEvery([
      id !== undefined && sql`m.id = ${id}::uuid`,
      image !== undefined && sql`m.image_id = ${image}::uuid`,
      person !== undefined && sql`m.person_id = watchpost.survivor(${person}::uuid)`,
      watchlist !== undefined && sql`m.watchlist_id = ${await findWatchlist(db, watchlist)}::uuid`,
      await isCamera(db, wanted.camera),
      // No match is older than its photo, whose clock may be a day ahead.
      since !== undefined &&
        sql`i.captured_at >= ${since}::timestamptz and m.id >= watchpost.uuidv7_at(${since}::timestamptz - interval '2 days')`,
      until !== undefined && sql`i.captured_at < ${until}::timestamptz`,
      after !== undefined && sql`m.id < ${after}::uuid`,
    ])}
    order by m.id desc
    limit ${limit}
  `.execute(db);
  return rows;
};

/** Why a face has or has no match. */
export const searchOutcomes = [
  'match',
  'gated',
  'few_looks',
  'below_threshold',
  'nobody',
  'outranked',
  'cannot_link',
] as const;

/** Conditions for a list of searches. */
interface SearchFilter extends Seen {
  /** The id of a face. */
  readonly face?: string | undefined;
  readonly outcome?: (typeof searchOutcomes)[number] | undefined;
}

/** A face that was compared with the lists: a row of watchpost.search. */
export interface Search {
  readonly id: string;
  readonly face_id: string;
  readonly image_id: string;
  readonly camera: string | null;
  readonly captured_at: Date;
  readonly created_at: Date;
  readonly outcome: (typeof searchOutcomes)[number];
  readonly gate: string[];
  readonly person_id: string | null;
  readonly person: string | null;
  readonly similarity: number | null;
  readonly reference_similarity: number | null;
  readonly watchlists: string[];
  readonly model_id: string;
  readonly method: 'exact' | 'hnsw';
  readonly retroactive: boolean;
  readonly superseded_at: Date | null;
}

/** The lists that were searched, without those that whoever asks may not see; of lists that are gone only who sees all. */
const shownLists = sql`case
  when (select watchpost.sees_all()) then s.watchlists
  else array(select w.id from watchpost.watchlist as w where w.id = any (s.watchlists) order by w.id)
end`;

/**
 * A page of the searches that meet a filter, the latest first.
 *
 * @throws {WatchpostError} camera_unknown by SQLSTATE.
 */
export const listSearches = async (db: Kysely<DB>, wanted: SearchFilter): Promise<Search[]> => {
  const { id, face, image, outcome, since, until, after, limit } = wanted;
  const { rows } = await sql<Search>`
    select
      s.id, s.face_id, f.image_id, k.name as camera, i.captured_at, s.created_at, s.outcome, s.gate,
      p.id as person_id, p.name as person, s.similarity, s.reference_similarity,
      ${shownLists} as watchlists, s.model_id, s.method,
      s.retroactive, s.superseded_at
    from watchpost.search as s
    join watchpost.face as f on f.id = s.face_id
    join watchpost.image as i on i.id = f.image_id
    left join watchpost.camera_place as k on k.camera_id = i.camera_id and k.during @> i.captured_at
    left join watchpost.person as p on p.id = s.person_id
    where ${whereEvery([
      id !== undefined && sql`s.id = ${id}::uuid`,
      face !== undefined && sql`s.face_id = ${face}::uuid`,
      image !== undefined && sql`f.image_id = ${image}::uuid`,
      outcome !== undefined && sql`s.outcome = ${outcome}`,
      await isCamera(db, wanted.camera),
      // By the key too, so that partitions are left out.
      since !== undefined &&
        sql`s.created_at >= ${since}::timestamptz and s.id >= watchpost.uuidv7_at(${since}::timestamptz - interval '1 minute')`,
      until !== undefined &&
        sql`s.created_at < ${until}::timestamptz and s.id < watchpost.uuidv7_at(${until}::timestamptz + interval '1 minute')`,
      after !== undefined && sql`s.id < ${after}::uuid`,
    ])}
    order by s.id desc
    limit ${limit}
  `.execute(db);
  return rows;
};
