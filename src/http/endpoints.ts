import { Hono } from 'hono';
import { z } from 'zod';
import { findNamed } from '../database/named.ts';
import { readDeliveries, readEndpoints, rotateSecret } from '../endpoints/endpoints.ts';
import { kindNames } from '../endpoints/kinds/kind.ts';
import { addEndpoint } from '../endpoints/new-endpoint.ts';
import { setEndpoint } from '../endpoints/set-endpoint.ts';
import { testEndpoint } from '../endpoints/test-endpoint.ts';
import { credential, interval, listOf, name, nextOf, pageLimit, searchWord, url, whole } from '../fields.ts';
import { limits } from '../limits.ts';
import { publicOnly } from '../outgoing/index.ts';
import { asCaller } from './as-caller.ts';
import { idIn } from './body.ts';
import { changing } from './changing.ts';
import { single } from './listing.ts';
import { operation } from './operation.ts';
import * as answer from './schemas/registers.ts';
import type { Served, Services } from './services.ts';

const template = z
  .string()
  .min(limits.templateCharacters.min)
  .refine((given) => [...given].length <= limits.templateCharacters.max, {
    error: `give ${limits.templateCharacters.max} characters at most`,
    params: { code: 'template_invalid' },
  })
  .meta({ description: 'Mustache; docs/alerts-out.md lists what it may name.' });
const common = {
  name,
  url: url.optional().meta({ description: 'Of Telegram and PagerDuty it may be missing.' }),
  title_template: template.optional(),
  text_template: template.optional(),
  watchlists: listOf(searchWord).optional(),
  min_severity: z.enum(['info', 'warning', 'critical']).optional(),
  time_to_live_seconds: interval(1).optional(),
  sends: z.enum(['alerts', 'alarms', 'both', 'heads']).optional(),
};
const settings = z
  .record(z.string().max(40), z.string().max(255))
  .optional()
  .meta({ description: 'What the kind has to know: docs/alerts-out.md.' });
const newEndpoint = z.strictObject({
  ...common,
  kind: z.enum(kindNames).optional(),
  settings,
  credential: credential.optional(),
});
const changes = newEndpoint.omit({ kind: true }).partial().extend({
  title_template: common.title_template.nullable(),
  text_template: common.text_template.nullable(),
  credential: credential.nullable().optional(),
});
/** Of what is sent to add or to change one. */
const refusals = [
  'name_taken',
  'watchlist_unknown',
  'url_invalid',
  'address_refused',
  'settings_invalid',
  'credential_invalid',
  'template_invalid',
] as const;
const rotation = z.strictObject({ keep_seconds: whole(0, 2_592_000).default(86_400) });
const page = z.strictObject({ after: searchWord.optional(), limit: pageLimit });
const deliveriesPage = z.strictObject({ after: z.guid().optional(), limit: pageLimit });

/**
 * POST and GET /v1/endpoints, GET, PATCH and DELETE /v1/endpoints/{id}; POST /v1/endpoints/{id}/test, rotate, enable, disable;
 * GET /v1/endpoints/{id}/deliveries. A secret is in the answer to the call that makes it, and in no other.
 */
export const endpoints = ({ config: { outgoing = publicOnly } }: Services) =>
  new Hono<Served>()
    .post(
      '/',
      operation({
        summary: 'Add an endpoint, to which alerts are sent',
        description:
          'The answer to a webhook has the secret that signs the messages; it is shown here only. Other kinds have a credential instead, which no answer shows.',
        scope: 'administer',
        body: newEndpoint,
        creates: 'secret',
        answers: { 201: answer.newEndpoint },
        errors: refusals,
      }),
      async (c) => {
        const endpoint = c.req.valid('json');
        return c.json(await asCaller(c, (trx) => addEndpoint(trx, endpoint, outgoing)), 201);
      },
    )
    .get(
      '/',
      operation({
        summary: 'List endpoints, by name',
        scope: 'administer',
        query: page,
        answers: { 200: answer.endpointPage },
      }),
      async (c) => {
        const wanted = c.req.valid('query');
        const found = await readEndpoints(c.get('db'), wanted);
        return c.json({ endpoints: found, next: nextOf(found, wanted.limit, (endpoint) => endpoint.name) });
      },
    )
    .get(
      '/:id',
      ...single({
        summary: 'An endpoint',
        scope: 'administer',
        what: 'endpoint',
        item: answer.endpoint,
        unknown: 'endpoint_unknown',
        read: readEndpoints,
      }),
    )
    .patch(
      '/:id',
      operation({
        summary: 'Change an endpoint',
        description:
          'Fields that are absent stay. Null: the usual words, or no credential. A URL at another server needs its credential too.',
        scope: 'administer',
        body: changes,
        answers: { 200: answer.endpoint },
        errors: ['endpoint_unknown', ...refusals],
      }),
      async (c) => {
        const id = idIn(c);
        const wanted = c.req.valid('json');
        return c.json(await asCaller(c, (trx) => setEndpoint(trx, id, wanted, outgoing)));
      },
    )
    .delete('/:id', ...changing('endpoint', 'remove', 'Remove an endpoint'))
    .post('/:id/enable', ...changing('endpoint', 'enable', 'Enable an endpoint'))
    .post('/:id/disable', ...changing('endpoint', 'disable', 'Disable an endpoint'))
    .post(
      '/:id/rotate',
      operation({
        summary: 'Give an endpoint a new secret; the previous one also signs for a while',
        scope: 'administer',
        query: rotation,
        creates: 'secret',
        answers: { 200: answer.rotatedSecret },
        errors: ['endpoint_unknown'],
      }),
      async (c) => {
        const id = idIn(c);
        const { keep_seconds } = c.req.valid('query');
        return c.json(await asCaller(c, (trx) => rotateSecret(trx, id, keep_seconds)));
      },
    )
    .post(
      '/:id/test',
      operation({
        summary: 'Send a test message to an endpoint and report what it answered',
        scope: 'administer',
        answers: { 200: answer.endpointAnswer },
        errors: [
          'endpoint_unknown',
          'template_invalid',
          'encryption_key_missing',
          'encryption_key_destroyed',
        ],
      }),
      async (c) => c.json(await testEndpoint(c.get('db'), outgoing, idIn(c), c.get('actor'))),
    )
    .get(
      '/:id/deliveries',
      operation({
        summary: 'List deliveries to an endpoint, the latest first',
        scope: 'administer',
        query: deliveriesPage,
        answers: { 200: answer.deliveryPage },
        errors: ['endpoint_unknown'],
      }),
      async (c) => {
        const endpoint = await findNamed(c.get('db'), 'endpoint', idIn(c));
        const wanted = c.req.valid('query');
        const found = await readDeliveries(c.get('db'), { ...wanted, endpoint });
        return c.json({ deliveries: found, next: nextOf(found, wanted.limit, (delivery) => delivery.id) });
      },
    );
