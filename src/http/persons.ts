import { Hono } from 'hono';
import { z } from 'zod';
import { addPerson, findPersons, readPerson, removePerson, setPerson } from '../watchlist/registry.ts';
import type { Served, Services } from './app.ts';
import { asCaller } from './as-caller.ts';
import { idIn, parseAs, readJson } from './body.ts';
import { personPhotos } from './person-photos.ts';

const metadata = z.record(z.string(), z.json());
const newPerson = z.strictObject({
  name: z.string().min(1),
  external_ref: z.string().min(1).nullable().optional(),
  metadata: metadata.optional(),
  watchlists: z.array(z.string().min(1)).optional(),
});
const changes = z.strictObject({
  name: z.string().min(1).optional(),
  external_ref: z.string().min(1).nullable().optional(),
  metadata: metadata.optional(),
});
const filter = z.strictObject({
  name: z.string().optional(),
  external_ref: z.string().optional(),
  watchlist: z.string().min(1).optional(),
  after: z.guid().optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

/** POST and GET /v1/persons; GET, PATCH and DELETE /v1/persons/{id}; and their photos. */
export const persons = (services: Services) => {
  const { database } = services;
  return new Hono<Served>()
    .post('/', async (c) => {
      const wanted = await readJson(c, newPerson);
      const person = await asCaller(database, c.get('caller'), (trx) => addPerson(trx, wanted));
      c.header('Location', `/v1/persons/${person.id}`);
      return c.json(person, 201);
    })

    .get('/', async (c) => {
      const wanted = parseAs(filter, c.req.query(), 'query_invalid');
      const found = await findPersons(database.db, wanted);
      const next = found.length === wanted.limit ? (found.at(-1)?.id ?? null) : null;
      return c.json({ persons: found, next });
    })

    .get('/:id', async (c) => c.json(await readPerson(database.db, idIn(c))))

    .patch('/:id', async (c) => {
      const id = idIn(c);
      const wanted = await readJson(c, changes);
      return c.json(await asCaller(database, c.get('caller'), (trx) => setPerson(trx, id, wanted)));
    })

    .delete('/:id', async (c) => {
      const id = idIn(c);
      await asCaller(database, c.get('caller'), (trx) => removePerson(trx, id));
      return c.body(null, 204);
    })

    .route('/', personPhotos(services));
};
