import { Hono } from 'hono';
import { z } from 'zod';
import { interval, keyLimit, listOf, moment, name, nextOf, pageLimit, searchWord } from '../fields.ts';
import { asCaller } from './as-caller.ts';
import { idIn } from './body.ts';
import { scopes } from './key.ts';
import { changeKey, createKey, readKey, readKeys, revokeKey, rotateKey } from './key-store.ts';
import { operation } from './operation.ts';
import * as answer from './schemas/keys.ts';
import type { Served } from './services.ts';

// An empty list would mean a key for nothing, or for everything, according to whom one asks.
const names = listOf(searchWord).min(1, 'give one at least, or leave it out for all');

const newKey = z.strictObject({
  name,
  scopes: z
    .array(z.enum(scopes, `give ${scopes.join(', ')}`))
    .min(1, 'give one at least')
    .max(scopes.length, `give ${scopes.length} at most`)
    .optional(),
  sites: names.optional(),
  cameras: names.optional(),
  watchlists: names.optional(),
  expires_at: moment.optional(),
  rate_per_minute: keyLimit.optional(),
  max_streams: keyLimit.optional(),
  max_backlog: keyLimit.optional(),
});
const changed = z.strictObject({
  sites: names.nullish(),
  cameras: names.nullish(),
  watchlists: names.nullish(),
  expires_at: moment.nullish(),
  rate_per_minute: keyLimit.nullish(),
  max_streams: keyLimit.nullish(),
  max_backlog: keyLimit.nullish(),
});
const rotation = z.strictObject({ overlap_seconds: interval().default(86_400) });
const page = z.strictObject({ after: searchWord.optional(), limit: pageLimit });

/**
 * POST and GET /v1/keys, GET, PATCH and DELETE /v1/keys/{id}, POST /v1/keys/{id}/rotate. A key is in the answer to the call that
 * makes it, and in no other: with an Idempotency-Key the call is done once, and refused when it is repeated.
 */
export const keys = () =>
  new Hono<Served>()
    .post(
      '/',
      operation({
        summary: 'Make an API key',
        description:
          'Without scopes it may submit and read. Without sites, cameras or watchlists, which are names or ids, it is for all that the caller sees. The answer has the key; it is shown here only.',
        scope: 'administer',
        body: newKey,
        creates: 'secret',
        answers: { 201: answer.newApiKey },
        errors: ['name_taken', 'key_beyond_own', 'site_unknown', 'camera_unknown', 'watchlist_unknown'],
      }),
      async (c) => {
        const wanted = c.req.valid('json');
        const made = await asCaller(c, (trx) => createKey(trx, wanted));
        c.header('Location', `/v1/keys/${made.id}`);
        return c.json(made, 201);
      },
    )
    .get(
      '/',
      operation({
        summary: 'List API keys, by name, those too that were revoked or have expired',
        scope: 'administer',
        query: page,
        answers: { 200: answer.apiKeyPage },
      }),
      async (c) => {
        const wanted = c.req.valid('query');
        const found = await asCaller(c, (trx) => readKeys(trx, wanted));
        return c.json({ keys: found, next: nextOf(found, wanted.limit, (key) => key.name) });
      },
    )
    .get(
      '/:id',
      operation({
        summary: 'An API key',
        scope: 'administer',
        answers: { 200: answer.apiKey },
        errors: ['key_unknown'],
      }),
      async (c) => {
        const id = idIn(c);
        return c.json(await asCaller(c, (trx) => readKey(trx, id)));
      },
    )
    .patch(
      '/:id',
      operation({
        summary: 'Change the limits, the bounds and the end of an API key; it takes effect within 5 seconds',
        description:
          'null lifts a limit or a bound, what is left out stays. Streams that the key has open end if what it may see changes. A key cannot change itself, nor give more than it has. For another name or scope make another key.',
        scope: 'administer',
        body: changed,
        answers: { 200: answer.apiKey },
        errors: [
          'key_unknown',
          'key_ended',
          'key_beyond_own',
          'site_unknown',
          'camera_unknown',
          'watchlist_unknown',
        ],
      }),
      async (c) => {
        const wanted = c.req.valid('json');
        const id = idIn(c);
        return c.json(await asCaller(c, (trx) => changeKey(trx, id, wanted)));
      },
    )
    .delete(
      '/:id',
      operation({
        summary: 'Revoke an API key for good; it is refused within 5 seconds',
        scope: 'administer',
        answers: { 204: null },
        errors: ['key_unknown'],
      }),
      async (c) => {
        const id = idIn(c);
        await asCaller(c, (trx) => revokeKey(trx, id));
        return c.body(null, 204);
      },
    )
    .post(
      '/:id/rotate',
      operation({
        summary: 'Replace an API key; the one before is valid for a while, too',
        description: 'The answer has the new key; it is shown here only.',
        scope: 'administer',
        body: rotation,
        optionalBody: true,
        creates: 'secret',
        answers: { 200: answer.rotatedKey },
        errors: ['key_unknown', 'key_ended'],
      }),
      async (c) => {
        const id = idIn(c);
        const { overlap_seconds } = c.req.valid('json');
        return c.json(await asCaller(c, (trx) => rotateKey(trx, id, overlap_seconds)));
      },
    );
