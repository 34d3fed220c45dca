import { Hono } from 'hono';
import { z } from 'zod';
import { addBridge, bridgeKinds, readBridge, readBridges, setBridge } from '../bridge/index.ts';
import { credential, listOf, name, nextOf, pageLimit, searchWord, token, url } from '../fields.ts';
import { asCaller } from './as-caller.ts';
import { idIn } from './body.ts';
import { changing } from './changing.ts';
import { single } from './listing.ts';
import { operation } from './operation.ts';
import * as answer from './schemas/registers.ts';
import type { Served } from './services.ts';

const credentials = z
  .strictObject({
    username: credential.optional(),
    password: credential.optional(),
    token: credential.optional(),
  })
  .refine(
    ({ username, password, token: alone }) =>
      alone === undefined ? username !== undefined : username === undefined && password === undefined,
    { error: 'give username and password, or a token', params: { code: 'bridge_invalid' } },
  )
  .meta({ description: 'username and password, or for NATS a token. In no answer.', writeOnly: true });
const topic = z.string().refine((given) => /^[a-z_]+\.([a-z_]+|\*)$/.test(given), {
  error: 'give a topic like alert.raised, or alert.* for all that begin so',
  params: { code: 'bridge_invalid' },
});
const newBridge = z.strictObject({
  name,
  kind: z.enum(bridgeKinds),
  direction: z.enum(['in', 'out']).meta({ description: 'Events are published, or photos come in.' }),
  url: url.meta({ description: 'Without credentials, like kafka://host:9092 or amqps://host/vhost.' }),
  address: token.meta({
    description: 'A topic, subject, queue, or exchange/routing key: docs/bridges.md.',
  }),
  topics: listOf(topic).optional().meta({ description: 'Out: of the events; alert.* unless given.' }),
  mode: z.enum(['structured', 'binary']).optional().meta({ description: 'Out: of the CloudEvents.' }),
  camera: searchWord.optional().meta({ description: 'In: name or id, for photos whose message names none.' }),
  credentials: credentials.optional(),
  from_beginning: z
    .boolean()
    .optional()
    .meta({ description: 'Out: the events on record are published first.' }),
});
const changes = newBridge
  .omit({ kind: true, direction: true, from_beginning: true })
  .partial()
  .extend({ camera: searchWord.nullable().optional(), credentials: credentials.nullable().optional() });
/** Of what is sent to add or to change one. */
const refusals = [
  'name_taken',
  'camera_unknown',
  'url_invalid',
  'bridge_invalid',
  'credential_invalid',
] as const;
const page = z.strictObject({ after: searchWord.optional(), limit: pageLimit });

/**
 * POST and GET /v1/bridges, GET, PATCH and DELETE /v1/bridges/{id}; POST /v1/bridges/{id}/enable and disable. What does their
 * work is the command "bridge".
 */
export const bridges = () =>
  new Hono<Served>()
    .post(
      '/',
      operation({
        summary: 'Add a bridge to a broker of others',
        description:
          'A process "watchpost bridge" takes it up at its next heartbeat. For keys that see all cameras and lists of their site.',
        scope: 'administer',
        body: newBridge,
        creates: true,
        answers: { 201: answer.bridge },
        errors: refusals,
      }),
      async (c) => {
        const bridge = c.req.valid('json');
        const added = await asCaller(c, async (trx) => readBridge(trx, await addBridge(trx, bridge)));
        return c.json(added, 201);
      },
    )
    .get(
      '/',
      operation({
        summary: 'List bridges with what they have done, by name',
        scope: 'administer',
        query: page,
        answers: { 200: answer.bridgePage },
      }),
      async (c) => {
        const wanted = c.req.valid('query');
        const found = await readBridges(c.get('db'), wanted);
        return c.json({ bridges: found, next: nextOf(found, wanted.limit, (bridge) => bridge.name) });
      },
    )
    .get(
      '/:id',
      ...single({
        summary: 'A bridge',
        scope: 'administer',
        what: 'bridge',
        item: answer.bridge,
        unknown: 'bridge_unknown',
        read: readBridges,
      }),
    )
    .patch(
      '/:id',
      operation({
        summary: 'Change a bridge',
        description:
          'Fields that are absent stay, and so does its position. Null: no camera, no credentials. A URL at another server needs its credentials too.',
        scope: 'administer',
        body: changes,
        answers: { 200: answer.bridge },
        errors: ['bridge_unknown', ...refusals],
      }),
      async (c) => {
        const id = idIn(c);
        const wanted = c.req.valid('json');
        return c.json(await asCaller(c, (trx) => setBridge(trx, id, wanted)));
      },
    )
    .delete('/:id', ...changing('bridge', 'remove', 'Remove a bridge and its credentials'))
    .post('/:id/enable', ...changing('bridge', 'enable', 'Enable a bridge: it goes on where it stopped'))
    .post('/:id/disable', ...changing('bridge', 'disable', 'Disable a bridge: nothing is published or read'));
