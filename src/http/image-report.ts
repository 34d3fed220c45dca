import { type InferResult, type Kysely, type NotNull, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import type { Rotation } from '../vision/index.ts';
import { type FaceFilter, listFaceIds } from '../watchlist/registry.ts';
import { cropPath } from './crop-path.ts';

/**
 * All that is known about an image: state, timeline, faces with their nearest person, matches and alerts.
 *
 * @throws {WatchpostError} image_unknown.
 */
export const readImage = async (db: Kysely<DB>, id: string) => {
  const status = await db
    .selectFrom('watchpost.image_status as s')
    .innerJoin('watchpost.image as i', 'i.id', 's.image_id')
    .select([
      's.image_id as id',
      's.state',
      's.code',
      's.message',
      's.purpose',
      's.camera',
      's.captured_at',
      's.received_at',
      's.finished_at',
      's.damaged',
      's.undecoded_share',
      'i.format',
      'i.width',
      'i.height',
      'i.byte_length',
      sql<string>`encode(i.sha256, 'hex')`.as('sha256'),
      sql<Rotation>`i.rotation`.as('rotation'),
    ])
    .where('s.image_id', '=', id)
    .$narrowType<{
      id: NotNull;
      state: NotNull;
      purpose: NotNull;
      captured_at: NotNull;
      received_at: NotNull;
    }>()
    .executeTakeFirst();
  if (!status) throw new WatchpostError('image_unknown', `There is no image ${id}.`);
  return {
    ...status,
    faces: (await selectFaces(db).where('f.image_id', '=', id).orderBy('f.ordinal').execute()).map(faceOf),
    matches: await readMatches(db, id),
    alerts: await readAlertsOf(db, id),
    timeline: await readTimeline(db, id),
  };
};

/**
 * A page of the faces that meet a filter, those of the photos taken last first.
 *
 * @throws {WatchpostError} as listFaceIds.
 */
export const listFaces = async (db: Kysely<DB>, wanted: FaceFilter) => {
  const ids = await listFaceIds(db, wanted);
  if (ids.length === 0) return [];
  const found = await selectFaces(db)
    .innerJoin('watchpost.image as i', 'i.id', 'f.image_id')
    .leftJoin('watchpost.camera_place as k', (join) =>
      join.onRef('k.camera_id', '=', 'i.camera_id').on(sql<boolean>`k.during @> i.captured_at`),
    )
    .select(['f.image_id', 'i.captured_at', 'k.name as camera', 'k.location'])
    .where('f.id', 'in', ids)
    .execute();
  const byId = new Map(found.map((face) => [face.id, face]));
  return ids.flatMap((id) => {
    const face = byId.get(id);
    if (!face) return [];
    const { image_id, captured_at, camera, location } = face;
    return [{ ...faceOf(face), image_id, captured_at, camera, location }];
  });
};

/** Faces, each with its latest search and its current estimate of age and gender. */
const selectFaces = (db: Kysely<DB>) =>
  db
    .selectFrom('watchpost.face as f')
    .leftJoin('watchpost.track as t', 't.id', 'f.track_id')
    .leftJoinLateral(
      (eb) =>
        eb
          .selectFrom('watchpost.search as s')
          .leftJoin('watchpost.person as p', 'p.id', 's.person_id')
          .select(['s.outcome', 's.similarity', 's.gate', 'p.id as person_id', 'p.name as person'])
          .where(sql<boolean>`s.face_id = coalesce(t.face_id, f.id)`)
          .orderBy('s.id', 'desc')
          .limit(1)
          .as('s'),
      (join) => join.onTrue(),
    )
    .leftJoinLateral(
      (eb) =>
        eb
          .selectFrom('watchpost.demography as d')
          .select(['d.age', 'd.male', 'd.model_id as described_by'])
          .whereRef('d.face_id', '=', 'f.id')
          .where('d.superseded_at', 'is', null)
          .orderBy('d.id', 'desc')
          .limit(1)
          .as('d'),
      (join) => join.onTrue(),
    )
    .selectAll(['s', 'd'])
    .select([
      'f.id',
      'f.track_id',
      'f.ordinal',
      'f.box_x',
      'f.box_y',
      'f.box_width',
      'f.box_height',
      'f.points',
      'f.score',
      'f.height_px',
      'f.sharpness',
      'f.yaw',
      'f.pitch',
      'f.roll',
      'f.gate as face_gate',
    ]);

const faceOf = (f: InferResult<ReturnType<typeof selectFaces>>[number]) => ({
  id: f.id,
  ordinal: f.ordinal,
  box: { x: f.box_x, y: f.box_y, width: f.box_width, height: f.box_height },
  points: f.points,
  crop_url: cropPath(f.id),
  quality: {
    score: f.score,
    height_px: f.height_px,
    sharpness: f.sharpness,
    yaw: f.yaw,
    pitch: f.pitch,
    roll: f.roll,
    gate: f.track_id ? f.face_gate : (f.gate ?? f.face_gate),
  },
  search: f.outcome
    ? {
        outcome: f.outcome,
        nearest: f.person_id ? { person_id: f.person_id, person: f.person, similarity: f.similarity } : null,
      }
    : null,
  track_id: f.track_id,
  demography: f.described_by ? { age: f.age, male: f.male, model_id: f.described_by } : null,
});

/** Who is in a photo: the matches of its faces, or of the tracks that they are part of. */
const selectSightings = (db: Kysely<DB>, imageId: string) =>
  db
    .selectFrom('watchpost.face as f')
    .leftJoin('watchpost.track as t', 't.id', 'f.track_id')
    .innerJoin('watchpost.sighting as s', (join) =>
      join.on(sql<boolean>`s.face_id = coalesce(t.face_id, f.id)`),
    )
    .where('f.image_id', '=', imageId)
    .where('f.superseded_at', 'is', null);

const readMatches = (db: Kysely<DB>, imageId: string) =>
  selectSightings(db, imageId)
    .select([
      's.match_id as id',
      'f.id as face_id',
      's.person_id',
      's.person',
      's.watchlist',
      's.similarity',
      's.threshold',
      's.alert_id',
    ])
    .orderBy('s.match_id')
    .$narrowType<{
      id: NotNull;
      face_id: NotNull;
      person_id: NotNull;
      person: NotNull;
      watchlist: NotNull;
      similarity: NotNull;
      threshold: NotNull;
    }>()
    .execute();

const readAlertsOf = (db: Kysely<DB>, imageId: string) =>
  selectSightings(db, imageId)
    .innerJoin('watchpost.alert as a', 'a.id', 's.alert_id')
    .distinctOn('a.id')
    .select([
      'a.id',
      's.person',
      's.watchlist',
      'a.severity',
      'a.state',
      'a.similarity',
      's.camera',
      's.location',
    ])
    .orderBy('a.id')
    .$narrowType<{ person: NotNull; watchlist: NotNull }>()
    .execute();

const readTimeline = async (db: Kysely<DB>, imageId: string) => {
  const { rows } = await sql<{
    at: Date;
    topic: string;
    subject_id: string;
    task: string | null;
    outcome: string | null;
    attempt: number | null;
    waited_ms: number | null;
    duration_ms: number | null;
    worker: string | null;
    code: string | null;
    error: string | null;
  }>`select * from watchpost.timeline(${imageId})`.execute(db);
  return rows;
};
