import { sql } from 'kysely';
import { z } from 'zod';
import { anyOf } from '../database/any-of.ts';
import { toStored } from '../database/at-rest.ts';
import { WatchpostError } from '../errors.ts';
import { type FoundFaces, iou, type Rotation } from '../vision/index.ts';
import { assertEnrollable, assertStanding } from '../watchlist/enrolment.ts';
import { readStoredPhoto } from './photo.ts';
import { type Finished, type Item, type Replayable, type Stage, settleEach, type Tools } from './stage.ts';
import type { Still } from './still-frames.ts';

const payload = z.object({ image_id: z.uuid(), person_photo_id: z.uuid().optional() });
type Payload = z.infer<typeof payload>;

/** What was found in a photo. */
export interface Detected extends FoundFaces {
  /** Of a frame in which nothing has moved, which was not searched. */
  readonly still?: Still;
  /** How its camera is mounted, of the frame that has decided. */
  readonly mounted?: { readonly camera_id: string; readonly rotation: Rotation };
}

/**
 * image.received, photo.added -> face: decodes the photo, finds its faces and stores an aligned crop of each, so that
 * later stages do not need the photo. A photo that enrols somebody must contain the face to enrol.
 */
export const detect: Stage<Payload, Detected> & Replayable<Payload, Detected> = {
  task: 'detect',
  payload,

  async work(items, tools) {
    return settleEach(items, photosAtATime, (item) => detectPhoto(item, tools));
  },

  write: {
    call: 'watchpost.write_faces',
    parameters(finished, { vision }) {
      const faces = finished.flatMap(({ item, result }) =>
        result.faces.map((face, index) => ({ ...face, ordinal: index + 1, item })),
      );
      return [
        finished.map(({ item }) => item.event_id),
        finished.map(({ item }) => item.image_id),
        finished.map(({ result }) => result.format),
        finished.map(({ result }) => result.width),
        finished.map(({ result }) => result.height),
        finished.map(({ result }) => result.undecodedShare),
        vision.detector.id,
        faces.map(({ item }) => item.event_id),
        faces.map(({ item }) => item.image_id),
        faces.map(({ ordinal }) => ordinal),
        faces.map(({ box }) => literal([box.x, box.y, box.width, box.height])),
        faces.map(({ points }) => literal(points.flat())),
        faces.map(({ score, quality: { heightPx, sharpness, yaw, pitch, roll } }) =>
          literal([score, heightPx, sharpness, yaw, pitch, roll]),
        ),
        faces.map(({ gate }) => literal(gate)),
        faces.map(({ crop }) => crop.length),
        // All crops as one: a single bytea goes in binary, an array of them as hex.
        Buffer.concat(faces.map(({ crop }) => crop)),
        asJson(finished, ({ image_id }, { still }) => still && { image_id, ...still }),
        asJson(finished, (_, { mounted }) => mounted),
      ];
    },
  },

  async compare(db, finished) {
    const standing = await db
      .selectFrom('watchpost.face')
      .select(['image_id', 'box_x as x', 'box_y as y', 'box_width as width', 'box_height as height'])
      .where('image_id', '=', anyOf(finished.map(({ item }) => item.image_id)))
      .where('superseded_at', 'is', null)
      .execute();
    return finished.map(({ item, result }) => {
      const before = standing.filter((face) => face.image_id === item.image_id);
      const after = result.faces.map((face) => face.box);
      const gained = after.filter(
        (box) => !before.some((other) => iou(box, other) > unchangedOverlap),
      ).length;
      const lost = before.filter((box) => !after.some((other) => iou(box, other) > unchangedOverlap)).length;
      return { same: gained === 0 && lost === 0, gained, lost };
    });
  },

  async supersede(trx, items) {
    await sql`select watchpost.supersede_faces(${items.map((item) => item.image_id)}::uuid[])`.execute(trx);
  },
};

/**
 * Photos of one job that are processed concurrently: while the models compute one, the next is read. Not more,
 * because each is held in memory and may have 100 MiB.
 */
const photosAtATime = 2;

/** What few photos have, each with its event, as JSON; null: none has it. */
const asJson = (
  finished: readonly Finished<Payload, Detected>[],
  of: (item: Payload, result: Detected) => object | undefined,
): string | null => {
  const rows = finished.flatMap(({ item, result }) => {
    const row = of(item, result);
    return row ? [{ event_id: item.event_id, ...row }] : [];
  });
  return rows.length > 0 ? JSON.stringify(rows) : null;
};

const detectPhoto = async (
  { image_id, person_photo_id }: Item<Payload>,
  { database, vision, stillFrames, rotations }: Tools,
): Promise<Detected> => {
  const photo = await readStoredPhoto(database, image_id, person_photo_id);
  if (!photo) throw new WatchpostError('row_missing', `The image ${image_id} is gone.`);
  const { bytes, siteId, faces, personPhoto, camera, capturedAt, rotation } = photo;
  if (!bytes) {
    throw new WatchpostError(
      'image_bytes_gone',
      'The bytes of this photo were dropped before it was processed.',
    );
  }
  if (person_photo_id) assertStanding(personPhoto);
  const stillDifference = camera?.stillDifference ?? null;
  const compared =
    camera && stillDifference !== null
      ? await stillFrames?.compare(
          { imageId: image_id, cameraId: camera.id, capturedAt, rotation, stillDifference },
          bytes,
        )
      : undefined;
  if (compared?.still) return { ...compared.header, undecodedShare: null, faces: [], still: compared.still };
  const found = await vision.findFaces(bytes, faces, rotation);
  compared?.searched();
  if (personPhoto) assertEnrollable(found, personPhoto.chosen_face);
  const crops = await Promise.all(found.faces.map(({ crop }) => toStored(database.db, crop, () => siteId)));
  const decided = camera?.rotation === null ? await rotations?.look(camera.id, bytes) : undefined;
  return {
    ...found,
    faces: found.faces.map((face, index) => ({ ...face, crop: crops[index] as Buffer })),
    ...(camera && decided !== undefined ? { mounted: { camera_id: camera.id, rotation: decided } } : {}),
  };
};

/** Boxes with a larger intersection over union are the same face. */
const unchangedOverlap = 0.8;

/** A nested array as a parameter: numbers and codes, which need no quotes. */
const literal = (values: readonly (number | string)[]): string => `{${values.join(',')}}`;
