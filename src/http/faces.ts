import { Hono } from 'hono';
import { fromStored } from '../database/at-rest.ts';
import { WatchpostError } from '../errors.ts';
import { idIn } from './body.ts';
import { operation } from './operation.ts';
import type { Served } from './services.ts';

/** Path of the picture of a face. */
export const cropPath = (faceId: string): string => `/v1/faces/${faceId}/crop`;

/** GET /v1/faces/{id}/crop: the aligned face, as the embedder gets it. */
export const faces = () =>
  new Hono<Served>().get(
    '/:id/crop',
    operation({
      summary: 'The aligned picture of a face, as the embedder gets it',
      scope: 'read',
      answers: { 200: { type: ['image/png', 'image/jpeg'] } },
      errors: ['face_unknown', 'encryption_key_missing', 'encryption_key_destroyed'],
    }),
    async (c) => {
      const id = idIn(c);
      const face = await c
        .get('db')
        .selectFrom('watchpost.face')
        .select('crop')
        .where('id', '=', id)
        .executeTakeFirst();
      if (!face) throw new WatchpostError('face_unknown', `There is no face ${id}.`);
      const crop = await fromStored(c.get('db'), face.crop);
      const type = crop[0] === 0x89 ? 'image/png' : 'image/jpeg';
      return c.body(new Uint8Array(crop), 200, {
        'content-type': type,
        // A crop never changes.
        'cache-control': 'private, max-age=31536000, immutable',
      });
    },
  );
