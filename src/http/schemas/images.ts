import { z } from 'zod';
import { imageStates } from '../../watchlist/registry.ts';
import { count, id, path, rotation, severity, sha256, share, similarity, text, time } from './fields.ts';

export const submitted = z
  .strictObject({
    id,
    known: z.boolean().meta({ description: 'It was submitted before, with this Idempotency-Key.' }),
    state: z.literal('received'),
    status_url: z.url(),
  })
  .meta({ id: 'SubmittedImage' });

const quality = {
  score: share.meta({ description: "The detector's confidence." }),
  height_px: z.number(),
  sharpness: z.number(),
  yaw: z.number().meta({ description: 'Degrees; 0 faces the camera.' }),
  pitch: z.number(),
  roll: z.number(),
};

/** How good a view of a face is; `gate` has the codes of why it may not be used, and is empty if it may. */
export const faceQuality = z.strictObject({ ...quality, gate: z.array(text) });

/** As faceQuality, of a reference. */
export const referenceQuality = z.strictObject({
  ...quality,
  norm: z.number().nullable(),
  gate: z.array(text).nullable(),
});

/** Which face of a photo, and where it is. */
export const placeOfFace = {
  ordinal: count.min(1).meta({ description: 'From 1, from left to right.' }),
  box: z
    .strictObject({ x: z.number(), y: z.number(), width: z.number(), height: z.number() })
    .meta({ description: 'In pixels of the upright photo.' }),
  points: z.array(z.number()).meta({
    description: 'x, y of left eye, right eye, nose, left and right corner of the mouth, in pixels.',
  }),
};

const face = z
  .strictObject({
    id,
    ...placeOfFace,
    crop_url: path,
    quality: faceQuality,
    search: z
      .strictObject({
        outcome: text,
        nearest: z
          .strictObject({ person_id: id, person: text, similarity: similarity.nullable() })
          .nullable(),
      })
      .nullable()
      .meta({ description: 'The latest search, of its track if it has one; null: it was not searched yet.' }),
    track_id: id.nullable().meta({ description: 'The track that it is part of; null: of none.' }),
    demography: z
      .strictObject({ age: z.number().nullable(), male: share.nullable(), model_id: text })
      .nullable(),
  })
  .meta({ id: 'Face' });

const step = z.strictObject({
  at: time,
  topic: text,
  subject_id: id.nullable(),
  task: text.nullable(),
  outcome: text.nullable(),
  attempt: count.nullable(),
  waited_ms: z.number().nullable(),
  duration_ms: z.number().nullable(),
  worker: text.nullable(),
  code: text.nullable(),
  error: text.nullable(),
});

const image = {
  id,
  state: z.enum(imageStates),
  code: text.nullable().meta({
    description: 'Why it failed; also no_face or still (nothing had moved) of a photo that is done.',
  }),
  message: text.nullable(),
  purpose: z.enum(['probe', 'reference']),
  camera: text.nullable(),
  captured_at: time,
  received_at: time,
  finished_at: time.nullable(),
  damaged: z.boolean().nullable(),
  format: z.enum(['jpeg', 'png', 'webp', 'avif', 'heic']).nullable(),
  width: count.nullable(),
  height: count.nullable(),
  byte_length: count,
};

export const listedImage = z
  .strictObject({
    ...image,
    faces: count,
    matches: count,
    alerts: count,
    has_photo: z.boolean().meta({ description: 'False: its bytes were dropped.' }),
  })
  .meta({ id: 'Image' });

export const seenFace = face
  .extend({
    image_id: id,
    captured_at: time,
    camera: text.nullable(),
    location: text.nullable(),
  })
  .meta({ id: 'SeenFace' });

export const imageReport = z
  .strictObject({
    ...image,
    undecoded_share: share.nullable(),
    sha256,
    rotation: rotation.meta({
      description:
        'Degrees clockwise by which the file is turned, after its EXIF orientation, to be upright.',
    }),
    faces: z.array(face),
    matches: z.array(
      z.strictObject({
        id,
        face_id: id,
        person_id: id,
        person: text,
        watchlist: text,
        similarity,
        threshold: similarity,
        alert_id: id.nullable(),
      }),
    ),
    alerts: z.array(
      z.strictObject({
        id,
        person: text,
        watchlist: text,
        severity,
        state: text,
        similarity,
        camera: text.nullable(),
        location: text.nullable(),
      }),
    ),
    timeline: z.array(step),
  })
  .meta({ id: 'ImageReport' });
