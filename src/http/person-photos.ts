import { type Context, Hono } from 'hono';
import type { Kysely } from 'kysely';
import { z } from 'zod';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import { listOf, text, whole } from '../fields.ts';
import { inspectPhoto } from '../intake/index.ts';
import { acceptable } from '../watchlist/enrolment.ts';
import {
  acceptPhoto,
  addPersonPhoto,
  correctPhoto,
  enrolFace,
  readPerson,
  removePhoto,
} from '../watchlist/registry.ts';
import { actorOf, asCaller } from './as-caller.ts';
import { idIn, readJson, readQuery } from './body.ts';
import { readPhotoBody } from './photo-body.ts';
import type { Served, Services } from './services.ts';

/** A face of a photo, counted from 1, from left to right. */
const position = whole(1, 1000);
const accept = listOf(z.enum(acceptable));
/** Why something was done. */
const reason = text.refine((given) => given.trim() !== '', 'give a reason');

// Forms and queries have no lists: there, accept is one text with commas.
const photoFields = z.strictObject({
  face: position.optional(),
  accept: z
    .string()
    .transform((list) => list.split(',').filter(Boolean))
    .pipe(accept)
    .optional(),
});
const aFace = z.strictObject({ face_id: z.guid(), accept: accept.optional() });
const correction = z
  .strictObject({
    face: position.optional(),
    accept: accept.optional(),
    reason: reason.optional(),
  })
  .refine((wanted) => (wanted.face === undefined) !== (wanted.accept === undefined), {
    error: 'give either face or accept',
  });
const removal = z.strictObject({ reason: reason.optional() });

/**
 * POST /v1/persons/{id}/photos enrols a new photo, POST …/faces a face of a photo that is stored already; PATCH and
 * DELETE …/photos/{photo} correct and remove one.
 */
export const personPhotos = ({ config, database }: Services) =>
  new Hono<Served>()
    .post('/:id/photos', async (c) => {
      const personId = idIn(c);
      const photo = await readPhotoBody(c, config.maxBodyBytes, photoFields);
      await inspectPhoto(photo.bytes, { maxPixels: config.maxPixels });
      const added = await addPersonPhoto(database, {
        personId,
        bytes: photo.bytes,
        chosenFace: photo.fields.face,
        submittedBy: actorOf(c.get('caller')),
        accept: photo.fields.accept,
      });
      const address = `/v1/images/${added.image_id}`;
      c.header('Location', address);
      return c.json(
        { id: added.person_photo_id, image_id: added.image_id, status_url: new URL(address, c.req.url).href },
        202,
      );
    })

    .post('/:id/faces', async (c) => {
      const personId = idIn(c);
      const wanted = await readJson(c, aFace);
      const id = await asCaller(database, c.get('caller'), (trx) =>
        enrolFace(trx, personId, wanted.face_id.toLowerCase(), wanted.accept),
      );
      c.header('Location', `/v1/persons/${personId}`);
      return c.json({ id, status_url: new URL(`/v1/persons/${personId}`, c.req.url).href }, 202);
    })

    .patch('/:id/photos/:photo', async (c) => {
      const { face, accept, reason } = await readJson(c, correction);
      const id = await asCaller(database, c.get('caller'), async (trx) => {
        const photo = await photoIn(c, trx);
        if (face !== undefined) return correctPhoto(trx, photo, face, reason);
        await acceptPhoto(trx, photo, accept ?? []);
        return photo;
      });
      return c.json({ id }, 202);
    })

    .delete('/:id/photos/:photo', async (c) => {
      const { reason } = readQuery(c, removal);
      await asCaller(database, c.get('caller'), async (trx) =>
        removePhoto(trx, await photoIn(c, trx), reason ?? null),
      );
      return c.body(null, 204);
    });

/** The photo in a path, which must be one of the person in it. */
const photoIn = async (c: Context<Served>, db: Kysely<DB>): Promise<string> => {
  const id = idIn(c, 'photo');
  const person = await readPerson(db, idIn(c));
  if (person.photos.some((photo) => photo.id === id)) return id;
  throw new WatchpostError('photo_unknown', `${person.name} has no photo ${id}.`);
};
