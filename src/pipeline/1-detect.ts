import { sql } from 'kysely';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import type { Box, FoundFace, FoundFaces } from '../vision/index.ts';
import { assertEnrollable, assertStanding } from '../watchlist/enrolment.ts';
import type { Replayable, Stage } from './stage.ts';

const payload = z.object({ image_id: z.uuid(), person_photo_id: z.uuid().optional() });
type Payload = z.infer<typeof payload>;

/**
 * image.received, photo.added -> face: decodes the photo once, finds its faces and keeps an aligned crop of each, so
 * that no later stage opens the photo again. A photo that is to enrol somebody must hold the face to enrol.
 */
export const detect: Stage<Payload, FoundFaces> & Replayable<Payload, FoundFaces> = {
  task: 'detect',
  payload,

  async work(items, { database, vision }) {
    const photos = await database.db
      .selectFrom('watchpost.image as i')
      .leftJoin('watchpost.image_bytes as b', 'b.image_id', 'i.id')
      .select(['i.id', 'b.bytes'])
      .where(
        'i.id',
        'in',
        items.map((item) => item.image_id),
      )
      .execute();
    const photoOf = new Map(photos.map((photo) => [photo.id, photo]));
    const toEnrol = items.flatMap((item) => item.person_photo_id ?? []);
    const choices = await database.db
      .selectFrom('watchpost.person_photo')
      .select(['id', 'chosen_face', 'removed_at'])
      .where(({ eb, val }) => eb('id', '=', eb.fn.any(val(toEnrol))))
      .execute();
    const choiceOf = new Map(choices.map((choice) => [choice.id, choice]));

    return Promise.allSettled(
      items.map(async (item) => {
        const photo = photoOf.get(item.image_id);
        if (!photo) throw new WatchpostError('row_missing', `The image ${item.image_id} is gone.`);
        if (!photo.bytes) {
          throw new WatchpostError(
            'image_bytes_gone',
            'The bytes of this photo were dropped before it was processed.',
          );
        }
        const choice = item.person_photo_id ? choiceOf.get(item.person_photo_id) : undefined;
        if (item.person_photo_id) assertStanding(choice);
        const found = await vision.findFaces(photo.bytes);
        if (choice) assertEnrollable(found.faces.length, choice.chosen_face);
        return found;
      }),
    );
  },

  async write(trx, finished, { vision }) {
    for (const { item, result } of finished) {
      await trx
        .updateTable('watchpost.image')
        .set({ format: result.format, width: result.width, height: result.height })
        .where('id', '=', item.image_id)
        .execute();
    }
    const rows = finished.flatMap(({ item, result }) =>
      result.faces.map((face, index) => faceRow(face, index + 1, item.image_id, vision.detector.id)),
    );
    if (rows.length > 0) await trx.insertInto('watchpost.face').values(rows).execute();
  },

  async compare(db, finished) {
    const standing = await db
      .selectFrom('watchpost.face')
      .select(['image_id', 'box_x as x', 'box_y as y', 'box_width as width', 'box_height as height'])
      .where(
        'image_id',
        'in',
        finished.map(({ item }) => item.image_id),
      )
      .where('superseded_at', 'is', null)
      .execute();
    return finished.map(({ item, result }) => {
      const before = standing.filter((face) => face.image_id === item.image_id);
      const after = result.faces.map((face) => face.box);
      const gained = after.filter((box) => !before.some((other) => overlap(box, other) > sameFace)).length;
      const lost = before.filter((box) => !after.some((other) => overlap(box, other) > sameFace)).length;
      return { same: gained === 0 && lost === 0, gained, lost };
    });
  },

  async supersede(trx, items) {
    await sql`select watchpost.supersede_faces(${items.map((item) => item.image_id)}::uuid[])`.execute(trx);
  },
};

/** Boxes that share more than this of their union are of one face, found again. */
const sameFace = 0.8;

/** Intersection over union, 0 to 1. */
const overlap = (a: Box, b: Box): number => {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  if (width <= 0 || height <= 0) return 0;
  return (width * height) / (a.width * a.height + b.width * b.height - width * height);
};

const faceRow = (face: FoundFace, ordinal: number, imageId: string, detectorId: string) => ({
  image_id: imageId,
  detector_id: detectorId,
  ordinal,
  box_x: face.box.x,
  box_y: face.box.y,
  box_width: face.box.width,
  box_height: face.box.height,
  points: sql<number[]>`${face.points.flat()}::real[]`,
  score: face.score,
  height_px: face.quality.heightPx,
  sharpness: face.quality.sharpness,
  yaw: face.quality.yaw,
  pitch: face.quality.pitch,
  roll: face.quality.roll,
  gate: sql<string[]>`${face.gate}::text[]`,
  crop: Buffer.from(face.crop),
});
