import { Hono } from 'hono';
import { z } from 'zod';
import { fromStored } from '../database/at-rest.ts';
import { WatchpostError } from '../errors.ts';
import { drawBoxes } from '../vision/index.ts';
import { recordAccess } from '../watchlist/registry.ts';
import { accessReason, reasonOf } from './access-reason.ts';
import { asCaller } from './as-caller.ts';
import { idIn } from './body.ts';
import { operation } from './operation.ts';
import type { Served } from './services.ts';

const sides = [320, 640, 1280, 1920] as const;

const wanted = z.strictObject({
  side: z
    .enum(sides.map(String) as [string, ...string[]], `give ${sides.join(', ')}`)
    .default('1280')
    .meta({ description: 'The longer side at most, in pixels.' }),
});

/** GET /v1/images/{id}/photo: the photo itself, upright, as a JPEG that every browser shows. */
export const storedPhoto = () =>
  new Hono<Served>().get(
    '/:id/photo',
    operation({
      summary: 'A photo as a JPEG, upright, in sRGB',
      description: 'Each reading is on record with the name of the key; within a minute it is counted.',
      scope: 'read',
      query: wanted,
      headers: accessReason,
      answers: { 200: { type: 'image/jpeg' } },
      errors: [
        'image_unknown',
        'image_bytes_gone',
        'image_corrupt',
        'image_too_slow',
        'image_format_unsupported',
        'image_animated',
        'image_too_many_pixels',
        'image_too_long',
        'image_too_narrow',
        'image_too_costly',
        'encryption_key_missing',
        'encryption_key_destroyed',
        'stored_bytes_altered',
      ],
    }),
    async (c) => {
      const id = idIn(c);
      const { side } = c.req.valid('query');
      const reason = reasonOf(c);
      const stored = await asCaller(c, async (trx) => {
        const image = await trx
          .selectFrom('watchpost.image')
          .select('bytes')
          .where('id', '=', id)
          .executeTakeFirst();
        if (!image) throw new WatchpostError('image_unknown', `There is no image ${id}.`);
        if (!image.bytes)
          throw new WatchpostError('image_bytes_gone', `The photo ${id} is not kept any more.`);
        await recordAccess(trx, {
          action: 'photo',
          subject: { kind: 'image', id },
          reason,
          requestId: c.get('requestId'),
        });
        return image.bytes;
      });
      const photo = await drawBoxes(await fromStored(c.get('db'), stored), [], Number(side));
      return c.body(new Uint8Array(photo), 200, { 'content-type': 'image/jpeg' });
    },
  );
