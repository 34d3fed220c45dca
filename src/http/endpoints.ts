import { Hono } from 'hono';
import { z } from 'zod';
import { interval, listOf, name, nextOf, pageLimit, searchWord, url, whole } from '../fields.ts';
import { publicOnly } from '../outgoing/index.ts';
import {
  addEndpoint,
  changeEndpoint,
  findEndpoint,
  readDeliveries,
  readEndpoints,
  rotateSecret,
  testEndpoint,
} from '../webhooks/endpoints.ts';
import { actorOf, asCaller } from './as-caller.ts';
import { idIn, readJson, readQuery } from './body.ts';
import type { Served, Services } from './services.ts';

const newEndpoint = z.strictObject({
  name,
  url,
  watchlists: listOf(searchWord).optional(),
  min_severity: z.enum(['info', 'warning', 'critical']).optional(),
  time_to_live_seconds: interval(1).optional(),
});
const rotation = z.strictObject({ keep_seconds: whole(0, 2_592_000).default(86_400) });
const page = z.strictObject({ after: searchWord.optional(), limit: pageLimit });
const deliveriesPage = z.strictObject({ after: z.guid().optional(), limit: pageLimit });

/**
 * POST and GET /v1/endpoints, DELETE /v1/endpoints/{id}; POST /v1/endpoints/{id}/test, rotate, enable, disable;
 * GET /v1/endpoints/{id}/deliveries. A secret is in the answer to the call that makes it, and in no other.
 */
export const endpoints = ({ config: { outgoing = publicOnly }, database }: Services) =>
  new Hono<Served>()
    .post('/', async (c) => {
      const endpoint = await readJson(c, newEndpoint);
      const made = await asCaller(database, c.get('caller'), (trx) => addEndpoint(trx, endpoint, outgoing));
      return c.json(made, 201);
    })
    .get('/', async (c) => {
      const wanted = readQuery(c, page);
      const found = await readEndpoints(database.db, wanted);
      return c.json({ endpoints: found, next: nextOf(found, wanted.limit, (endpoint) => endpoint.name) });
    })
    .delete('/:id', async (c) => {
      const id = idIn(c);
      await asCaller(database, c.get('caller'), (trx) => changeEndpoint(trx, id, 'remove'));
      return c.body(null, 204);
    })
    .post('/:id/enable', async (c) => {
      const id = idIn(c);
      await asCaller(database, c.get('caller'), (trx) => changeEndpoint(trx, id, 'enable'));
      return c.body(null, 204);
    })
    .post('/:id/disable', async (c) => {
      const id = idIn(c);
      await asCaller(database, c.get('caller'), (trx) => changeEndpoint(trx, id, 'disable'));
      return c.body(null, 204);
    })
    .post('/:id/rotate', async (c) => {
      const id = idIn(c);
      const { keep_seconds } = readQuery(c, rotation);
      return c.json(await asCaller(database, c.get('caller'), (trx) => rotateSecret(trx, id, keep_seconds)));
    })
    .post('/:id/test', async (c) =>
      c.json(await testEndpoint(database, outgoing, idIn(c), actorOf(c.get('caller')))),
    )
    .get('/:id/deliveries', async (c) => {
      const id = await findEndpoint(database.db, idIn(c));
      const wanted = readQuery(c, deliveriesPage);
      const found = await readDeliveries(database.db, id, wanted);
      return c.json({ deliveries: found, next: nextOf(found, wanted.limit, (delivery) => delivery.id) });
    });
