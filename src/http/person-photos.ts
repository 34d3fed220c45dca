import { type Context, Hono } from 'hono';
import type { Kysely } from 'kysely';
import { z } from 'zod';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import { listOf, nextOf, pageLimit, text, whole } from '../fields.ts';
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
import { addressOf } from './address.ts';
import { asCaller } from './as-caller.ts';
import { idIn } from './body.ts';
import { operation } from './operation.ts';
import { readPhotoBody } from './photo-body.ts';
import { addedFace, addedPhoto, changedPhoto, personPhoto, personPhotoPage } from './schemas/persons.ts';
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
 * GET /v1/persons/{id}/photos lists the photos of a person; POST enrols a new photo, POST …/faces a face of a photo that is stored already; PATCH and
 * DELETE …/photos/{photo} correct and remove one.
 */
export const personPhotos = ({ config }: Services) =>
  new Hono<Served>()
    .get(
      '/:id/photos',
      operation({
        summary: 'List the photos of a person with what became of each',
        scope: 'read',
        query: z.strictObject({ after: z.guid().optional(), limit: pageLimit }),
        answers: { 200: personPhotoPage },
        errors: ['person_unknown', 'photo_unknown'],
      }),
      async (c) => {
        const { after, limit } = c.req.valid('query');
        const { photos } = await readPerson(c.get('db'), idIn(c));
        const start = after === undefined ? 0 : photos.findIndex(({ id }) => id === after.toLowerCase()) + 1;
        if (after !== undefined && start === 0) {
          throw new WatchpostError('photo_unknown', `They have no photo ${after}.`);
        }
        const found = photos.slice(start, start + limit);
        return c.json({ photos: found, next: nextOf(found, limit, ({ id }) => id) });
      },
    )

    .get(
      '/:id/photos/:photo',
      operation({
        summary: 'A photo of a person with what became of it',
        scope: 'read',
        answers: { 200: personPhoto },
        errors: ['person_unknown', 'photo_unknown'],
      }),
      async (c) => c.json(await findPhoto(c, c.get('db'))),
    )

    .post(
      '/:id/photos',
      operation({
        summary: 'Enrol a new photo of a person',
        description: 'It is processed afterwards: the person report says what became of it.',
        scope: 'enrol',
        photo: photoFields,
        creates: true,
        answers: { 202: addedPhoto },
        errors: ['person_unknown', 'person_merged'],
      }),
      async (c) => {
        const personId = idIn(c);
        const photo = await readPhotoBody(c, config.maxBodyBytes, photoFields);
        await inspectPhoto(photo.bytes, { maxPixels: config.maxPixels });
        const added = await asCaller(c, (db) =>
          addPersonPhoto(
            { db },
            {
              personId,
              bytes: photo.bytes,
              chosenFace: photo.fields.face,
              submittedBy: c.get('actor'),
              accept: photo.fields.accept,
            },
          ),
        );
        const address = `/v1/images/${added.image_id}`;
        c.header('Location', address);
        return c.json(
          {
            id: added.person_photo_id,
            image_id: added.image_id,
            status_url: addressOf(c, address),
          },
          202,
        );
      },
    )

    .post(
      '/:id/faces',
      operation({
        summary: 'Enrol a face of a photo that is stored already',
        scope: 'enrol',
        body: aFace,
        creates: true,
        answers: { 202: addedFace },
        errors: [
          'person_unknown',
          'person_merged',
          'face_unknown',
          'face_taken',
          'faces_several',
          'match_ruled_out',
        ],
      }),
      async (c) => {
        const personId = idIn(c);
        const wanted = c.req.valid('json');
        const id = await asCaller(c, (trx) =>
          enrolFace(trx, personId, wanted.face_id.toLowerCase(), wanted.accept),
        );
        c.header('Location', `/v1/persons/${personId}`);
        return c.json({ id, status_url: addressOf(c, `/v1/persons/${personId}`) }, 202);
      },
    )

    .patch(
      '/:id/photos/:photo',
      operation({
        summary: 'Choose another face of a photo, or accept it as it is',
        scope: 'enrol',
        body: correction,
        answers: { 202: changedPhoto },
        errors: [
          'person_unknown',
          'person_merged',
          'photo_unknown',
          'photo_removed',
          'face_unknown',
          'face_taken',
        ],
      }),
      async (c) => {
        const { face, accept, reason } = c.req.valid('json');
        const id = await asCaller(c, async (trx) => {
          const photo = await photoIn(c, trx);
          if (face !== undefined) return correctPhoto(trx, photo, face, reason);
          await acceptPhoto(trx, photo, accept ?? []);
          return photo;
        });
        return c.json({ id }, 202);
      },
    )

    .delete(
      '/:id/photos/:photo',
      operation({
        summary: 'Remove a photo of a person and withdraw the matches that depend on it',
        scope: 'enrol',
        query: removal,
        answers: { 204: null },
        errors: ['person_unknown', 'person_merged', 'photo_unknown'],
      }),
      async (c) => {
        const { reason } = c.req.valid('query');
        await asCaller(c, async (trx) => removePhoto(trx, await photoIn(c, trx), reason ?? null));
        return c.body(null, 204);
      },
    );

/** The photo in a path, which must be one of the person in it. */
const findPhoto = async (c: Context<Served>, db: Kysely<DB>) => {
  const id = idIn(c, 'photo');
  const person = await readPerson(db, idIn(c));
  const found = person.photos.find((photo) => photo.id === id);
  if (found) return found;
  throw new WatchpostError('photo_unknown', `${person.name} has no photo ${id}.`);
};

const photoIn = async (c: Context<Served>, db: Kysely<DB>): Promise<string> => {
  await findPhoto(c, db);
  return idIn(c, 'photo');
};
