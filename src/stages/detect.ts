import { sql } from 'kysely';
import { z } from 'zod';
import { anyOf } from '../database/any-of.ts';
import { toStored } from '../database/at-rest.ts';
import { WatchpostError } from '../errors.ts';
import { type FoundFaces, iou } from '../vision/index.ts';
import { assertEnrollable, assertStanding } from '../watchlist/enrolment.ts';
import { readStoredPhoto } from './photo.ts';
import { type Finished, type Item, type Replayable, type Stage, settleEach, type Tools } from './stage.ts';
import type { Still } from './still-frames.ts';

const payload = z.object({ image_id: z.uuid(), person_photo_id: z.uuid().optional() });
type Payload = z.infer<typeof payload>;

/** What was found in a photo; `still` of a frame in which nothing has moved, which was not searched. */
export interface Detected extends FoundFaces {
  readonly still?: Still;
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
        stillsOf(finished),
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

/** The still frames as JSON; null: there is none. */
const stillsOf = (finished: readonly Finished<Payload, Detected>[]): string | null => {
  const stills = finished.flatMap(({ item, result }) =>
    result.still ? [{ event_id: item.event_id, image_id: item.image_id, ...result.still }] : [],
  );
  return stills.length > 0 ? JSON.stringify(stills) : null;
};

const detectPhoto = async (
  { image_id, person_photo_id }: Item<Payload>,
  { database, vision, stillFrames }: Tools,
): Promise<Detected> => {
  const photo = await readStoredPhoto(database, image_id, person_photo_id);
  if (!photo) throw new WatchpostError('row_missing', `The image ${image_id} is gone.`);
  const { bytes, siteId, faces, personPhoto, camera, capturedAt } = photo;
  if (!bytes) {
    throw new WatchpostError(
      'image_bytes_gone',
      'The bytes of this photo were dropped before it was processed.',
    );
  }
  if (person_photo_id) assertStanding(personPhoto);
  const frame = camera && {
    imageId: image_id,
    cameraId: camera.id,
    capturedAt,
    stillDifference: camera.stillDifference,
  };
  const compared = frame && (await stillFrames?.compare(frame, bytes));
  if (compared?.still) return { ...compared.header, undecodedShare: null, faces: [], still: compared.still };
  const found = await vision.findFaces(bytes, faces);
  compared?.searched();
  if (personPhoto) assertEnrollable(found, personPhoto.chosen_face);
  const crops = await Promise.all(found.faces.map(({ crop }) => toStored(database.db, crop, () => siteId)));
  return { ...found, faces: found.faces.map((face, index) => ({ ...face, crop: crops[index] as Buffer })) };
};

/** Boxes with a larger intersection over union are the same face. */
const unchangedOverlap = 0.8;

/** A nested array as a parameter: numbers and codes, which need no quotes. */
const literal = (values: readonly (number | string)[]): string => `{${values.join(',')}}`;
