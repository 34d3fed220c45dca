import { type Kysely, sql } from 'kysely';
import { fromStored } from '../database/at-rest.ts';
import type { DB } from '../database/types.generated.ts';
import { drawBoxes, VisionError } from '../vision/index.ts';
import type { Lineage } from '../watchlist/alert-origin.ts';
import { readAlert, readReviews } from '../watchlist/alerts.ts';

/** Sightings of which the evidence has the face and the events: the best one, and the latest. */
const mostSightings = 20;

/** A step of a photo: a row of watchpost.timeline. */
interface Step {
  readonly image_id: string;
  readonly at: Date;
  readonly topic: string;
  readonly task: string | null;
  readonly outcome: string | null;
  readonly duration_ms: number | null;
}

/** A picture, and how its file is called. */
export interface Picture {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Everything about an alert that goes into its evidence. */
export interface Gathered {
  readonly alert: Awaited<ReturnType<typeof readAlert>>;
  readonly reviews: Awaited<ReturnType<typeof readReviews>>;
  /** The best sighting and the latest others, oldest first; each with the crop of the face. */
  readonly sightings: readonly (Lineage & { readonly crop: Picture | undefined })[];
  readonly best: Lineage;
  readonly timeline: readonly Step[];
  /** The photo of the best sighting as it was submitted; undefined: its bytes were dropped. */
  readonly frame: Picture | undefined;
  /** The same with a box around the face; undefined also if it cannot be decoded any more. */
  readonly marked: Picture | undefined;
  /** The enrolled face that the best sighting was compared with; undefined: it was removed. */
  readonly enrolled: Picture | undefined;
}

/**
 * Reads what the evidence of an alert consists of.
 *
 * @throws {WatchpostError} alert_unknown.
 */
export const gather = async (db: Kysely<DB>, alertId: string): Promise<Gathered> => {
  const alert = await readAlert(db, alertId);
  const reviews = await readReviews(db, alertId);
  const lineage = await sql<Lineage>`
    select l.* from watchpost.lineage(${alertId}) as l
    order by l.best desc, l.captured_at desc, l.match_id desc
    limit ${mostSightings}
  `.execute(db);
  const [best] = lineage.rows;
  // The best match is part of every alert; one that was deleted at this moment takes the alert with it.
  if (!best) return gather(db, alertId);
  const found = lineage.rows.toSorted(
    (one, other) => one.captured_at.getTime() - other.captured_at.getTime(),
  );
  const crops = await readCrops(db, [...found.map(({ face_id }) => face_id), best.reference_face_id]);
  const frame = await readFrame(db, best.image_id);
  return {
    alert,
    reviews,
    best,
    frame,
    marked: frame && (await mark(frame, best)),
    sightings: found.map((sighting, n) => ({
      ...sighting,
      crop: pictureOf(`faces/seen-${n + 1}`, crops.get(sighting.face_id)),
    })),
    enrolled: pictureOf('faces/enrolled', crops.get(best.reference_face_id ?? '')),
    timeline: await readTimeline(db, found),
  };
};

const readCrops = async (db: Kysely<DB>, faces: readonly (string | null)[]): Promise<Map<string, Buffer>> => {
  const ids = faces.filter((id) => id !== null);
  const rows = await db.selectFrom('watchpost.face').select(['id', 'crop']).where('id', 'in', ids).execute();
  return new Map(
    await Promise.all(rows.map(async ({ id, crop }) => [id, await fromStored(db, crop)] as const)),
  );
};

/** A crop is a PNG or a JPEG. */
const pictureOf = (name: string, bytes: Buffer | undefined): Picture | undefined =>
  bytes && { name: `${name}.${bytes[0] === 0x89 ? 'png' : 'jpg'}`, bytes };

const readFrame = async (db: Kysely<DB>, imageId: string): Promise<Picture | undefined> => {
  const image = await db
    .selectFrom('watchpost.image')
    .select(['bytes', 'format'])
    .where('id', '=', imageId)
    .executeTakeFirst();
  if (!image?.bytes) return undefined;
  const extension = image.format === 'jpeg' ? 'jpg' : (image.format ?? 'bin');
  return { name: `frame.${extension}`, bytes: await fromStored(db, image.bytes) };
};

const mark = async (frame: Picture, face: Lineage): Promise<Picture | undefined> => {
  const box = { x: face.box_x, y: face.box_y, width: face.box_width, height: face.box_height };
  try {
    return {
      name: 'frame-marked.jpg',
      bytes: await drawBoxes(frame.bytes, [box], { rotation: face.image_rotation }),
    };
  } catch (error) {
    // It was decoded once; a decoder that has become stricter must not keep the evidence back.
    if (error instanceof VisionError) return undefined;
    throw error;
  }
};

const readTimeline = async (db: Kysely<DB>, sightings: readonly Lineage[]): Promise<Step[]> => {
  const images = [...new Set(sightings.map(({ image_id }) => image_id))];
  const { rows } = await sql<Step>`
    select i.id as image_id, t.*
    from unnest(${images}::uuid[]) with ordinality as i (id, place)
    cross join lateral watchpost.timeline(i.id) as t
    order by i.place, t.at
  `.execute(db);
  return rows;
};
