import { Hono } from 'hono';
import { z } from 'zod';
import { fromStored } from '../database/at-rest.ts';
import { WatchpostError } from '../errors.ts';
import { moment, searchWord } from '../fields.ts';
import { recordAccess } from '../watchlist/registry.ts';
import { accessReason, reasonOf } from './access-reason.ts';
import { asCaller } from './as-caller.ts';
import { idIn } from './body.ts';
import { listFaces } from './image-report.ts';
import { listing, single } from './listing.ts';
import { operation } from './operation.ts';
import { seenFace } from './schemas/images.ts';
import type { Served } from './services.ts';

const filter = z.strictObject({
  image: z.guid().optional(),
  camera: searchWord.optional(),
  track: z.guid().optional(),
  person: z.guid().optional().meta({ description: 'Faces that were matched to them or enrol them.' }),
  since: moment.optional(),
  until: moment.optional(),
});

/**
 * GET /v1/faces lists the faces of all photos, GET /v1/faces/{id} has one; GET /v1/faces/{id}/crop is the aligned face, as
 * the embedder gets it.
 */
export const faces = () =>
  new Hono<Served>()
    .get(
      '/',
      ...listing({
        summary: 'List faces, those of the photos taken last first',
        scope: 'read',
        name: 'faces',
        item: seenFace,
        filter,
        errors: ['camera_unknown', 'face_unknown'],
        read: listFaces,
      }),
    )
    .get(
      '/:id',
      ...single({
        summary: 'A face, with its latest search',
        scope: 'read',
        what: 'face',
        item: seenFace,
        unknown: 'face_unknown',
        read: listFaces,
      }),
    )
    .get(
      '/:id/crop',
      operation({
        summary: 'The aligned picture of a face, as the embedder gets it',
        description: 'Each reading is on record with the name of the key; within a minute it is counted.',
        scope: 'read',
        headers: accessReason,
        answers: { 200: { type: ['image/png', 'image/jpeg'] } },
        errors: ['face_unknown', 'text_too_long', 'encryption_key_missing', 'encryption_key_destroyed'],
      }),
      async (c) => {
        const id = idIn(c);
        const reason = reasonOf(c);
        const face = await asCaller(c, async (trx) => {
          const found = await trx
            .selectFrom('watchpost.face')
            .select('crop')
            .where('id', '=', id)
            .executeTakeFirst();
          if (!found) throw new WatchpostError('face_unknown', `There is no face ${id}.`);
          await recordAccess(trx, {
            action: 'crop',
            subject: { kind: 'face', id },
            reason,
          });
          return found;
        });
        const crop = await fromStored(c.get('db'), face.crop);
        const type = crop[0] === 0x89 ? 'image/png' : 'image/jpeg';
        return c.body(new Uint8Array(crop), 200, {
          'content-type': type,
        });
      },
    );
