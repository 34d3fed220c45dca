import { Hono } from 'hono';
import { z } from 'zod';
import { moment, searchWord } from '../fields.ts';
import type { Turns } from '../search/index.ts';
import { formatOf } from '../vision/format.ts';
import { drawBoxes, type Rotation, upright } from '../vision/index.ts';
import { imageStates, listImages, lookAtPhoto, readMarks } from '../watchlist/registry.ts';
import { accessReason, reasonOf } from './access-reason.ts';
import { asCaller } from './as-caller.ts';
import { idIn } from './body.ts';
import { listing } from './listing.ts';
import { operation } from './operation.ts';
import { listedImage } from './schemas/images.ts';
import type { Served } from './services.ts';

const filter = z.strictObject({
  camera: searchWord.optional().meta({ description: 'Name or id, also of one that was removed.' }),
  since: moment.optional(),
  until: moment.optional(),
  state: z.enum(imageStates).optional(),
});

const sides = ['320', '640', '1280', '1920'] as const;

const size = z.strictObject({
  side: z
    .enum(sides, `give ${sides.join(', ')}`)
    .optional()
    .meta({
      description: 'Then it is a JPEG, upright, in sRGB, with so many pixels on its longer side at most.',
    }),
});

const errors = [
  'image_unknown',
  'image_bytes_gone',
  'text_too_long',
  'encryption_key_missing',
  'encryption_key_destroyed',
  'stored_bytes_altered',
] as const;

/** Errors of photos that SQL may have stored: no photo, or one that takes too long. */
const drawing = ['search_busy', 'image_corrupt', 'image_format_unsupported', 'image_too_slow'] as const;

const photoTypes = ['image/jpeg', 'image/png', 'image/webp', 'image/avif', 'image/heic'] as const;

/** SQL may store what is no photo. */
const typeOf = (bytes: Uint8Array): string =>
  photoTypes.find((type) => type === `image/${formatOf(bytes)}`) ?? 'application/octet-stream';

/** A photo as it is answered; one that has to be decoded for it waits its turn. */
const shown = async (
  turns: Turns,
  { bytes, rotation }: { bytes: Buffer; rotation: Rotation },
  side: (typeof sides)[number] | undefined,
): Promise<Buffer> => {
  if (side) return turns.take(() => drawBoxes(bytes, [], { side: Number(side), rotation }));
  return rotation === 0 ? bytes : turns.take(() => upright(bytes, rotation));
};

const recorded = 'Each reading is on record with the name of the key; within a minute it is counted.';

/**
 * GET /v1/images lists photos; GET /v1/images/{id}/photo is one, …/annotated the same with its faces
 * marked: beside the routes of images.ts.
 *
 * @param turns bounds the photos that this process looks at.
 */
export const storedPhotos = (turns: Turns) =>
  new Hono<Served>()
    .get(
      '/',
      ...listing({
        summary: 'List photos, those taken last first',
        description: 'since and until are of when they were taken. Those that enrol people are among them.',
        scope: 'read',
        name: 'images',
        item: listedImage,
        filter,
        errors: ['image_unknown', 'camera_unknown'],
        read: listImages,
      }),
    )
    .get(
      '/:id/photo',
      operation({
        summary: 'A photo as it was submitted, or as a JPEG of another size',
        description: `One of a camera that is mounted turned is given an EXIF orientation, or is a JPEG. ${recorded}`,
        scope: 'read',
        query: size,
        headers: accessReason,
        answers: {
          200: { type: [...photoTypes, 'application/octet-stream'] },
        },
        errors: [...errors, ...drawing],
      }),
      async (c) => {
        const id = idIn(c);
        const reason = reasonOf(c);
        const { side } = c.req.valid('query');
        const stored = await asCaller(c, (trx) => lookAtPhoto(trx, id, { reason }));
        const bytes = await shown(turns, stored, side);
        return c.body(new Uint8Array(bytes), 200, {
          'content-type': typeOf(bytes),
        });
      },
    )
    .get(
      '/:id/annotated',
      operation({
        summary: 'A photo with its faces marked: a box, and who it is with the similarity',
        description: `A JPEG, 1600 pixels at most. A face that matched nobody has its box only. ${recorded}`,
        scope: 'read',
        headers: accessReason,
        answers: { 200: { type: 'image/jpeg' } },
        errors: [...errors, ...drawing],
      }),
      async (c) => {
        const id = idIn(c);
        const reason = reasonOf(c);
        const { bytes, rotation } = await asCaller(c, (trx) =>
          lookAtPhoto(trx, id, { reason, details: { annotated: true } }),
        );
        const marks = await readMarks(c.get('db'), id);
        const marked = await turns.take(() => drawBoxes(bytes, marks, { rotation }));
        return c.body(new Uint8Array(marked), 200, { 'content-type': 'image/jpeg' });
      },
    );
