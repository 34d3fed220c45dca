import { Hono } from 'hono';
import { z } from 'zod';
import { color, interval, listOf, moment, name, nextOf, pageLimit, purpose, searchWord } from '../fields.ts';
import {
  addToWatchlist,
  addWatchlist,
  readWatchlist,
  readWatchlists,
  removeFromWatchlist,
  removeWatchlist,
  setWatchlist,
  sounds,
  thresholdNames,
} from '../watchlist/registry.ts';
import { asCaller, transactions } from './as-caller.ts';
import { idIn } from './body.ts';
import { operation } from './operation.ts';
import * as answer from './schemas/registers.ts';
import type { Served } from './services.ts';

/** Which photos a list is for; an empty list would be for none. */
const watched = <T extends z.ZodType>(item: T) =>
  listOf(item).min(1, 'give one at least, or null for all').nullable().optional();

const fields = z.strictObject({
  name,
  purpose: purpose.optional(),
  severity: z.enum(['info', 'warning', 'critical']).optional(),
  threshold: z
    .union([z.number().min(0).max(1), z.enum(thresholdNames)], {
      error: `give a number from 0 to 1, or one of ${thresholdNames.join(', ')}`,
    })
    .optional(),
  target_fpir: z.number().gt(0).lt(1).nullable().optional(),
  min_looks: z.number().int().min(1).max(1000).optional(),
  min_share: z.number().min(0).max(1).optional(),
  cooldown_seconds: interval().optional(),
  enabled: z.boolean().optional(),
  valid_from: moment.nullable().optional(),
  valid_until: moment.nullable().optional(),
  reviewers: z.number().int().min(1).max(2).optional(),
  page_retroactive: z.boolean().optional(),
  color: color
    .nullable()
    .optional()
    .meta({ description: 'Of its alerts on screens; null: that of their severity.' }),
  sound: z.enum(sounds).optional(),
  must_acknowledge: z.boolean().optional(),
  cameras: watched(searchWord).meta({
    description:
      'Names or ids: only photos of these, and of the zones, are compared with it. Null, and zones too: all.',
  }),
  zones: watched(name),
});
const eitherError = {
  error: 'give threshold or target_fpir: one follows from the other',
  path: ['target_fpir'],
};
const isEither = (list: {
  threshold?: number | string | undefined;
  target_fpir?: number | null | undefined;
}) => list.threshold === undefined || typeof list.target_fpir !== 'number';
const newWatchlist = fields.extend({ site: searchWord.optional() }).refine(isEither, eitherError);
const page = z.strictObject({ after: searchWord.optional(), limit: pageLimit });
const changes = fields.partial().refine(isEither, eitherError);

const watchlistErrors = [
  'purpose_missing',
  'name_taken',
  'threshold_invalid',
  'validity_invalid',
  'watchlist_expired',
  'calibration_missing',
  'target_fpir_invalid',
  'camera_unknown',
  'zone_unknown',
] as const;

/** POST and GET /v1/watchlists; GET, PATCH and DELETE /v1/watchlists/{id}; PUT and DELETE …/persons/{person}. */
export const watchlists = () =>
  new Hono<Served>()
    .post(
      '/',
      operation({
        summary: 'Add a watchlist',
        scope: 'administer',
        body: newWatchlist,
        creates: true,
        answers: { 201: answer.watchlist },
        errors: ['site_unknown', ...watchlistErrors],
      }),
      async (c) => {
        const wanted = c.req.valid('json');
        const list = await asCaller(c, (trx) => addWatchlist(trx, wanted));
        c.header('Location', `/v1/watchlists/${list.id}`);
        return c.json(list, 201);
      },
    )
    .get(
      '/',
      operation({
        summary: 'List watchlists, by name',
        scope: 'read',
        query: page,
        answers: { 200: answer.watchlistPage },
      }),
      async (c) => {
        const wanted = c.req.valid('query');
        const found = await readWatchlists(c.get('db'), wanted);
        return c.json({ watchlists: found, next: nextOf(found, wanted.limit, (list) => list.name) });
      },
    )
    .get(
      '/:id',
      operation({
        summary: 'A watchlist',
        scope: 'read',
        answers: { 200: answer.watchlist },
        errors: ['watchlist_unknown'],
      }),
      async (c) => c.json(await readWatchlist(c.get('db'), idIn(c))),
    )
    .patch(
      '/:id',
      operation({
        summary: 'Change a watchlist',
        scope: 'administer',
        body: changes,
        answers: { 200: answer.watchlist },
        errors: ['watchlist_unknown', ...watchlistErrors],
      }),
      async (c) => {
        const id = idIn(c);
        const wanted = c.req.valid('json');
        return c.json(await asCaller(c, (trx) => setWatchlist(trx, id, wanted)));
      },
    )
    .delete(
      '/:id',
      operation({
        summary: 'Delete a watchlist with its alerts',
        scope: 'administer',
        answers: { 204: null },
        errors: ['watchlist_unknown', 'evidence_kept'],
      }),
      async (c) => {
        const id = idIn(c);
        await removeWatchlist(transactions(c), id);
        return c.body(null, 204);
      },
    )
    .put(
      '/:id/persons/:person',
      operation({
        summary: 'Put a person on a watchlist',
        scope: 'enrol',
        answers: { 204: null },
        errors: ['watchlist_unknown', 'person_unknown', 'person_merged', 'watchlist_expired'],
      }),
      async (c) => {
        const [id, person] = [idIn(c), idIn(c, 'person')];
        await asCaller(c, (trx) => addToWatchlist(trx, id, person));
        return c.body(null, 204);
      },
    )
    .delete(
      '/:id/persons/:person',
      operation({
        summary: 'Take a person off a watchlist',
        scope: 'enrol',
        answers: { 204: null },
        errors: ['watchlist_unknown', 'person_unknown', 'person_merged'],
      }),
      async (c) => {
        const [id, person] = [idIn(c), idIn(c, 'person')];
        await asCaller(c, (trx) => removeFromWatchlist(trx, id, person));
        return c.body(null, 204);
      },
    );
