import { type Kysely, type RawBuilder, type SelectQueryBuilder, sql } from 'kysely';
import { anyOf } from '../database/any-of.ts';
import type { DB } from '../database/types.generated.ts';
import { orNameTaken } from '../database/unique.ts';
import { WatchpostError } from '../errors.ts';
import type { Page } from '../fields.ts';
import type { FaceRange, Rotation } from '../vision/index.ts';
import { planUnknown } from './plans.ts';
import { siteColumn } from './sites.ts';

/** Cameras: adding, reading, changing and removing them, by the rules in sql/1-base/cameras.sql. */

/** The fields of a camera. An omitted field is unchanged, or has the default of the schema. */
export interface CameraFields {
  readonly name?: string | undefined;
  readonly location?: string | undefined;
  /** Null: the camera is a zone of its own. */
  readonly zone?: string | null | undefined;
  readonly faces?: FaceRange | undefined;
  /** Seconds without a photo after which the alarm camera.silent is raised; null: never. */
  readonly silent_after_seconds?: number | null | undefined;
  /** Frames that are taken a second; null: it sends single photos. */
  readonly frames_per_second?: number | null | undefined;
  /** Seconds within which faces of one person are one passage. */
  readonly track_gap_seconds?: number | undefined;
  /** Up to which difference a frame is still and not searched, above 0 to 255; null: each is searched. */
  readonly still_difference?: number | null | undefined;
  /** URL or device of its frames, without user and password; null: they are submitted. */
  readonly source?: string | null | undefined;
  /** Degrees clockwise until its photos are upright; null: found out, if it has a frame rate. */
  readonly rotation?: Rotation | null | undefined;
  /** Wider frames of the source are reduced to so many pixels; null: none is. */
  readonly frame_width?: number | null | undefined;
  /** The part of the frames of the source that is taken; null: all of them. */
  readonly region?: Region | null | undefined;
  /** Where it is on which plan of its site; null: on none. */
  readonly plan?: PlanPoint | null | undefined;
}

/** A part of a frame, in shares of its width and height, 0 to 1. */
export interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A point on a plan: its upper left corner is 0, 0, the lower right one 1, 1. */
export interface PlanPoint {
  readonly id: string;
  readonly x: number;
  readonly y: number;
}

/** A camera to add. */
export interface NewCamera extends CameraFields {
  readonly name: string;
  readonly location: string;
  /** Name or id of its site; default: the first that whoever acts may see. */
  readonly site?: string | undefined;
}

const plainColumns = [
  'name',
  'location',
  'zone',
  'faces',
  'frames_per_second',
  'still_difference',
  'source',
  'rotation',
  'frame_width',
] as const;

const columnsOf = (fields: CameraFields) => ({
  ...Object.fromEntries(
    plainColumns
      .map((column) => [column, fields[column]] as const)
      .filter(([, value]) => value !== undefined),
  ),
  ...(fields.track_gap_seconds === undefined ? {} : { track_gap: `${fields.track_gap_seconds} seconds` }),
  ...(fields.region === undefined
    ? {}
    : {
        region_x: fields.region?.x ?? null,
        region_y: fields.region?.y ?? null,
        region_width: fields.region?.width ?? null,
        region_height: fields.region?.height ?? null,
      }),
  ...(fields.silent_after_seconds === undefined
    ? {}
    : {
        silent_after: fields.silent_after_seconds === null ? null : `${fields.silent_after_seconds} seconds`,
      }),
  ...(fields.plan === undefined
    ? {}
    : { plan_id: fields.plan?.id ?? null, plan_x: fields.plan?.x ?? null, plan_y: fields.plan?.y ?? null }),
});

const silentAfter = sql<number | null>`extract(epoch from silent_after)::float8`.as('silent_after_seconds');

const trackGap = sql<number>`extract(epoch from track_gap)::float8`.as('track_gap_seconds');

const region = sql<Region | null>`
  case when region_x is not null
    then json_build_object('x', region_x, 'y', region_y, 'width', region_width, 'height', region_height)
  end
`.as('region');

/** The smallint of a row, whose constraint has these four. */
const rotation = sql<Rotation | null>`rotation`.as('rotation');

/** Since when it sends nothing, where that is an alarm. */
const silentSince = sql<Date | null>`(
  select a.since from watchpost.alarm as a
  where a.kind = 'camera.silent' and a.subject = camera.id::text and a.until is null
)`.as('silent_since');

const siteName = sql<string>`(select s.name from watchpost.site as s where s.id = site_id)`.as('site');

/** The plan of a row of `camera`; a point says nothing without one. */
const plan = sql<PlanPoint | null>`
  case when plan_id is not null then json_build_object('id', plan_id, 'x', plan_x, 'y', plan_y) end
`.as('plan');

/** How a source is watched. */
export interface Watch {
  /** The id of the worker; null: none watches now. */
  readonly worker: string | null;
  /** ended: as at the end of a video. */
  readonly state: 'unwatched' | 'connecting' | 'watching' | 'ended';
  /** Why no frames come, without credentials. */
  readonly problem: string | null;
  readonly connected_at: string | null;
  readonly last_frame_at: string | null;
  /** Frames since the source was first watched: that came, became images, were dropped. */
  readonly read: number;
  readonly submitted: number;
  /** Frames that were images already. */
  readonly known: number;
  readonly dropped: number;
  /** Of the images of the last minute. */
  readonly still_last_minute: number;
  readonly reconnects: number;
}

/** Of a row of `camera` whose source some worker has watched. Still frames are counted for a minute: there may be 10,000 an hour. */
const watch = sql<Watch | null>`(
  select json_build_object(
    'worker', case when w.leased_until > now() then w.watcher end,
    'state', case when w.state = 'ended' or (w.watcher is not null and w.leased_until > now()) then w.state else 'unwatched' end,
    'problem', w.problem,
    'connected_at', case when w.leased_until > now() then w.connected_at end,
    'last_frame_at', w.last_frame_at,
    'read', w.read,
    'submitted', w.submitted, 'known', w.known,
    'dropped', w.dropped,
    'still_last_minute', (
      select count(*)
      from watchpost.image as i
      join watchpost.still_frame as s on s.image_id = i.id
      where i.camera_id = camera.id and i.purpose = 'probe' and i.captured_at > now() - interval '1 minute'
    ),
    'reconnects', w.reconnects
  )
  from watchpost.camera_watch as w
  where w.camera_id = camera.id and camera.source is not null
)`.as('watch');

/** What is set of a camera. */
const settings = [
  'id',
  'name',
  'location',
  'zone',
  'faces',
  silentAfter,
  'frames_per_second',
  trackGap,
  'still_difference',
  'source',
  rotation,
  'frame_width',
  region,
  siteName,
  plan,
] as const;

/** Places a camera only on a plan of its site. */
const assertPlan = async (db: Kysely<DB>, fields: CameraFields, site: RawBuilder<string>): Promise<void> => {
  if (!fields.plan) return;
  const { rows } = await sql`
    select from watchpost.plan as p where p.id = ${fields.plan.id} and p.site_id = ${site}
  `.execute(db);
  if (rows.length === 0) throw planUnknown(fields.plan.id);
};

const nameOf = ({ name }: CameraFields) => `The camera name ${JSON.stringify(name)}`;

/**
 * Adds a camera.
 *
 * @throws {WatchpostError} name_taken, plan_unknown; site_unknown by SQLSTATE.
 */
export const addCamera = async (db: Kysely<DB>, camera: NewCamera) => {
  const site = await siteColumn(db, camera.site);
  await assertPlan(db, camera, sql`coalesce(${site.site_id ?? null}::uuid, watchpost.default_site())`);
  return orNameTaken(
    nameOf(camera),
    db
      .insertInto('watchpost.camera')
      .values({ ...columnsOf(camera), ...site, name: camera.name, location: camera.location })
      .returning(settings)
      .executeTakeFirstOrThrow(),
  );
};

/**
 * Changes a camera from now on: earlier sightings stay where they were.
 *
 * @throws {WatchpostError} camera_not_there, name_taken, plan_unknown.
 */
export const setCamera = async (db: Kysely<DB>, id: string, fields: CameraFields) => {
  const columns = columnsOf(fields);
  await assertPlan(db, fields, sql`(select c.site_id from watchpost.camera as c where c.id = ${id})`);
  if (Object.keys(columns).length > 0) {
    await orNameTaken(
      nameOf(fields),
      db
        .updateTable('watchpost.camera')
        .set(columns)
        .where('id', '=', id)
        .where('removed_at', 'is', null)
        .execute(),
    );
  }
  return readCamera(db, id);
};

/**
 * Removes a camera. Its photos and alerts stay, and say where it was.
 *
 * @throws {WatchpostError} camera_not_there.
 */
export const removeCamera = async (db: Kysely<DB>, id: string): Promise<void> => {
  await readCamera(db, id);
  await sql`select watchpost.remove_camera(${id})`.execute(db);
};

/**
 * The id of a camera by its name or id.
 *
 * @param options.orRemoved also one that was removed, for what concerns its photos.
 * @throws {WatchpostError} by SQLSTATE: camera_unknown, whose hint names the existing ones.
 */
export const findCamera = async (
  db: Kysely<DB>,
  nameOrId: string,
  options: { orRemoved?: boolean } = {},
): Promise<string> => {
  const { rows } = await sql<{ id: string }>`
    select watchpost.find_camera(${nameOrId}, ${options.orRemoved ?? false}) as id
  `.execute(db);
  return (rows[0] as { id: string }).id;
};

/**
 * A camera that is in use.
 *
 * @throws {WatchpostError} camera_not_there.
 */
export const readCamera = async (db: Kysely<DB>, id: string) => {
  const camera = await selected(db.selectFrom('watchpost.camera').where('id', '=', id)).executeTakeFirst();
  if (camera) return camera;
  throw new WatchpostError('camera_not_there', `There is no camera ${id}, or it was removed.`);
};

/** The cameras in use, by name: a page of them, which begins after a name, or all. */
export const readCameras = (db: Kysely<DB>, page?: Page) =>
  selected(db.selectFrom('watchpost.camera'))
    .$if(page?.after !== undefined, (q) => q.where('name', '>', page?.after as string))
    .orderBy('name')
    .$if(page !== undefined, (q) => q.limit(page?.limit as number))
    .execute();

/** The names of cameras by their ids, also of those that were removed; null of null, which means all of them. */
export const cameraNames = async (
  db: Kysely<DB>,
  ids: readonly string[] | null,
): Promise<string[] | null> => {
  if (!ids) return null;
  const named = await db
    .selectFrom('watchpost.camera')
    .select('name')
    .where('id', '=', anyOf(ids))
    .orderBy('name')
    .execute();
  return named.map(({ name }) => name);
};

/** Where a camera was, the first place first. A time is null where the place has no beginning or no end. */
export const readPlaces = (db: Kysely<DB>, id: string) =>
  db
    .selectFrom('watchpost.camera_place')
    .select([
      sql<Date | null>`lower(during)`.as('since'),
      sql<Date | null>`upper(during)`.as('until'),
      'name',
      'location',
      'zone',
    ])
    .where('camera_id', '=', id)
    .orderBy('during')
    .execute();

/** The latest photo of a row of `camera`, and how many faces were found in it. */
const lastImage = sql<{ id: string; captured_at: string; faces: number } | null>`(
  select json_build_object(
    'id', i.id,
    'captured_at', i.captured_at,
    'faces', (select count(*) from watchpost.face as f where f.image_id = i.id and f.superseded_at is null)
  )
  from watchpost.image as i
  where i.camera_id = camera.id and i.purpose = 'probe'
  order by i.captured_at desc
  limit 1
)`.as('last_image');

const selected = <O>(query: SelectQueryBuilder<DB, 'watchpost.camera', O>) =>
  query.select([...settings, silentSince, 'created_at', lastImage, watch]).where('removed_at', 'is', null);
