import { Hono } from 'hono';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { inspectImage } from '../vision/index.ts';
import { addPerson, addPersonPhoto } from '../watchlist/registry.ts';
import type { Served, Services } from './app.ts';
import { idIn, readJson, readPhoto } from './body.ts';

const newPerson = z.strictObject({
  name: z.string().min(1),
  external_ref: z.string().min(1).optional(),
  metadata: z.record(z.string(), z.json()).optional(),
  watchlists: z.array(z.string().min(1)).optional(),
});

const whichFace = 'give a whole number from 1: faces are counted from left to right';
const words = z.strictObject({
  face: z.coerce.number(whichFace).int(whichFace).min(1, whichFace).max(1000, whichFace).optional(),
});

/** POST /v1/persons makes a person, POST /v1/persons/{id}/photos enrols a photo of them, GET tells how that went. */
export const persons = ({ config, database, relay }: Services) =>
  new Hono<Served>()
    .post('/', async (c) => {
      const person = await addPerson(database.db, await readJson(c, newPerson));
      c.header('Location', `/v1/persons/${person.id}`);
      return c.json(person, 201);
    })

    .get('/:id', async (c) => {
      const id = idIn(c);
      const person = await database.db
        .selectFrom('watchpost.person')
        .selectAll()
        .where('id', '=', id)
        .executeTakeFirst();
      if (!person) throw new WatchpostError('person_unknown', `There is no person ${id}.`);
      const photos = await database.db
        .selectFrom('watchpost.person_photo as p')
        .innerJoin('watchpost.image_status as s', 's.image_id', 'p.image_id')
        .leftJoin('watchpost.reference as r', 'r.person_photo_id', 'p.id')
        .select([
          'p.id',
          'p.image_id',
          'p.chosen_face',
          's.state',
          's.code',
          's.message',
          'r.id as reference_id',
        ])
        .where('p.person_id', '=', id)
        .orderBy('p.id')
        .execute();
      return c.json({ ...person, photos });
    })

    .post('/:id/photos', async (c) => {
      const personId = idIn(c);
      const photo = await readPhoto(c, config.maxBodyBytes, words);
      await inspectImage(photo.bytes, { maxPixels: config.maxPixels });
      const added = await addPersonPhoto(database, {
        personId,
        bytes: photo.bytes,
        chosenFace: photo.fields.face,
        submittedBy: `api:${c.get('caller')}`,
      });
      relay.nudge();
      const address = `/v1/images/${added.image_id}`;
      c.header('Location', address);
      return c.json(
        { id: added.person_photo_id, image_id: added.image_id, status_url: new URL(address, c.req.url).href },
        202,
      );
    });
