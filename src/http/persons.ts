import { Hono } from 'hono';
import { z } from 'zod';
import { listOf, metadata, name, pageLimit, searchWord, token } from '../fields.ts';
import { addPerson, findPersons, readPerson, removePerson, setPerson } from '../watchlist/registry.ts';
import { asCaller, transactions } from './as-caller.ts';
import { idIn, readJson, readQuery } from './body.ts';
import { personPhotos } from './person-photos.ts';
import type { Served, Services } from './services.ts';

const newPerson = z.strictObject({
  name,
  external_ref: token.nullable().optional(),
  metadata: metadata.optional(),
  watchlists: listOf(searchWord).optional(),
});
const changes = z.strictObject({
  name: name.optional(),
  external_ref: token.nullable().optional(),
  metadata: metadata.optional(),
});
const filter = z.strictObject({
  name: searchWord.optional(),
  external_ref: token.optional(),
  watchlist: searchWord.optional(),
  after: z.guid().optional(),
  limit: pageLimit,
});

/** POST and GET /v1/persons; GET, PATCH and DELETE /v1/persons/{id}; the routes of their photos. */
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
      const wanted = readQuery(c, filter);
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
      await removePerson(transactions(database, c.get('caller')), id);
      return c.body(null, 204);
    })

    .route('/', personPhotos(services));
};
