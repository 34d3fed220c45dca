import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import { isCamera, type Seen, type searchOutcomes, whereEvery } from './seen.ts';

/** People followed over the frames of a camera: docs/tracks.md. */

/** Conditions for a list of tracks. */
export interface TrackFilter extends Omit<Seen, 'image'> {
  /** The id of a person: tracks that are matched with them. */
  readonly person?: string | undefined;
  readonly decision?: (typeof searchOutcomes)[number] | undefined;
}

/** One passage of a person before a camera: a row of watchpost.track_detail. */
export interface Track {
  readonly id: string;
  readonly camera_id: string;
  readonly camera: string | null;
  readonly location: string | null;
  readonly zone: string | null;
  readonly began_at: Date;
  readonly ended_at: Date;
  readonly faces: number;
  readonly looks: number;
  readonly face_id: string | null;
  readonly image_id: string | null;
  readonly decision: (typeof searchOutcomes)[number] | null;
  readonly person_id: string | null;
  readonly person: string | null;
  readonly watchlist: string | null;
  readonly similarity: number | null;
  readonly alert_id: string | null;
}

/**
 * A page of the tracks that meet a filter, those that began last first.
 *
 * @throws {WatchpostError} track_unknown if the track that the page begins after is gone; camera_unknown by SQLSTATE.
 */
export const listTracks = async (db: Kysely<DB>, wanted: TrackFilter): Promise<Track[]> => {
  const { id, person, since, until, decision, after, limit } = wanted;
  const start = after === undefined ? undefined : await findBeginning(db, after);
  const { rows } = await sql<Track>`
    select
      i.id, i.camera_id, i.camera, i.location, i.zone, i.began_at, i.ended_at, i.faces, i.looks, i.face_id, i.image_id,
      i.decision, i.person_id, i.person, i.watchlist, i.similarity, i.alert_id
    from watchpost.track_detail as i
    where ${whereEvery([
      id !== undefined && sql`i.id = ${id}::uuid`,
      await isCamera(db, wanted.camera),
      person !== undefined &&
        sql`i.face_id in (
          select m.face_id from watchpost.match as m
          where m.person_id = watchpost.survivor(${person}::uuid) and m.superseded_at is null
        )`,
      decision !== undefined && sql`i.decision = ${decision}`,
      since !== undefined && sql`i.ended_at >= ${since}::timestamptz`,
      until !== undefined && sql`i.began_at < ${until}::timestamptz`,
      start !== undefined && sql`(i.began_at, i.id) < (${start}::timestamptz, ${after}::uuid)`,
    ])}
    order by i.began_at desc, i.id desc
    limit ${limit}
  `.execute(db);
  return rows;
};

/** When a track began, to the microsecond. */
const findBeginning = async (db: Kysely<DB>, id: string): Promise<string> => {
  const { rows } = await sql<{ began_at: string }>`
    select t.began_at::text from watchpost.track as t where t.id = ${id}::uuid
  `.execute(db);
  if (rows[0]) return rows[0].began_at;
  throw new WatchpostError('track_unknown', `There is no track ${id}.`);
};

/** A face of a track. */
export interface TrackView {
  readonly face_id: string;
  readonly image_id: string;
  readonly captured_at: Date;
  /** 0: too poor to be compared. */
  readonly quality: number;
  /** Whether it is one of those that are fused. */
  readonly fused: boolean;
}

/**
 * Faces of a track, the first one first: all, or of a long track as many, those that are fused and others at even
 * distances.
 */
export const readTrackViews = async (db: Kysely<DB>, id: string, most = 100): Promise<TrackView[]> => {
  const { rows } = await sql<TrackView>`
    select v.face_id, v.image_id, v.captured_at, v.quality, v.fused
    from (
      select
        f.id as face_id, f.image_id, i.captured_at, f.quality, f.id = any (t.best) as fused,
        row_number() over (order by i.captured_at, f.id) - 1 as place, t.faces
      from watchpost.track as t
      join watchpost.face as f on f.track_id = t.id and f.superseded_at is null
      join watchpost.image as i on i.id = f.image_id
      where t.id = ${id}::uuid
    ) as v
    where v.fused or v.place % ceil(v.faces / ${most - 8}::real)::integer = 0
    order by v.place
  `.execute(db);
  return rows;
};
