import { Hono } from 'hono';
import { z } from 'zod';
import { listOf, metadata, name, nextOf, pageLimit, searchWord, text, token } from '../fields.ts';
import {
  addPerson,
  findPersons,
  mergePersons,
  readPerson,
  removePerson,
  setPerson,
  unmergePersons,
} from '../watchlist/registry.ts';
import { asCaller, transactions } from './as-caller.ts';
import { idIn, readJson, readOptionalJson, readQuery } from './body.ts';
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

const merging = z.strictObject({ merged_id: z.guid(), note: text.optional() });
const undoing = z.strictObject({ note: text.optional() });

/**
 * POST and GET /v1/persons; GET, PATCH and DELETE /v1/persons/{id}; POST …/merge, which gives this person everything of
 * another, and POST …/unmerge, which gives a person who was merged everything back; the routes of their photos.
 */
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
      return c.json({ persons: found, next: nextOf(found, wanted.limit, ({ id }) => id) });
    })

    .get('/:id', async (c) => {
      const person = await readPerson(database.db, idIn(c));
      // Another id than was asked for, if that person was merged.
      c.header('Content-Location', `/v1/persons/${person.id}`);
      return c.json(person);
    })

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

    .post('/:id/merge', async (c) => {
      const keep = idIn(c);
      const { merged_id, note } = await readJson(c, merging);
      const merged = merged_id.toLowerCase();
      return c.json(
        await asCaller(database, c.get('caller'), (trx) => mergePersons(trx, { keep, merged }, note)),
      );
    })

    .post('/:id/unmerge', async (c) => {
      const id = idIn(c);
      const { note } = await readOptionalJson(c, undoing);
      return c.json(await asCaller(database, c.get('caller'), (trx) => unmergePersons(trx, id, note)));
    })

    .route('/', personPhotos(services));
};
