import { sql } from 'kysely';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import type { FoundFace, FoundFaces } from '../vision/index.ts';
import { assertEnrollable } from '../watchlist/enrolment.ts';
import type { Stage } from './stage.ts';

const payload = z.object({ image_id: z.uuid(), person_photo_id: z.uuid().optional() });
type Payload = z.infer<typeof payload>;

/**
 * image.received, photo.added -> face: decodes the photo once, finds its faces and keeps an aligned crop of each, so
 * that no later stage opens the photo again. A photo that is to enrol somebody must hold the face to enrol.
 */
export const detect: Stage<Payload, FoundFaces> = {
  task: 'detect',
  payload,

  async work(items, { database, vision }) {
    const photos = await database.db
      .selectFrom('watchpost.image as i')
      .leftJoin('watchpost.image_bytes as b', 'b.image_id', 'i.id')
      .leftJoin('watchpost.person_photo as p', 'p.image_id', 'i.id')
      .select(['i.id', 'b.bytes', 'p.id as person_photo_id', 'p.chosen_face'])
      .where(
        'i.id',
        'in',
        items.map((item) => item.image_id),
      )
      .execute();
    const photoOf = new Map(photos.map((photo) => [photo.id, photo]));

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
        const found = await vision.findFaces(photo.bytes);
        if (photo.person_photo_id) assertEnrollable(found.faces.length, photo.chosen_face);
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
