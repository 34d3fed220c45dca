import { Hono } from 'hono';
import { z } from 'zod';
import { interval, moment, name, nextOf, pageLimit, searchWord, text } from '../fields.ts';
import {
  addToWatchlist,
  addWatchlist,
  readWatchlist,
  readWatchlists,
  removeFromWatchlist,
  removeWatchlist,
  setWatchlist,
  thresholdNames,
} from '../watchlist/registry.ts';
import { asCaller, transactions } from './as-caller.ts';
import { idIn, readJson, readQuery } from './body.ts';
import type { Served, Services } from './services.ts';

const fields = z.strictObject({
  name,
  purpose: text.optional(),
  severity: z.enum(['info', 'warning', 'critical']).optional(),
  threshold: z
    .union([z.number().min(0).max(1), z.enum(thresholdNames)], {
      error: `give a number from 0 to 1, or one of ${thresholdNames.join(', ')}`,
    })
    .optional(),
  target_fpir: z.number().gt(0).lt(1).nullable().optional(),
  cooldown_seconds: interval().optional(),
  enabled: z.boolean().optional(),
  valid_from: moment.nullable().optional(),
  valid_until: moment.nullable().optional(),
  reviewers: z.number().int().min(1).max(2).optional(),
  page_retroactive: z.boolean().optional(),
});
const eitherError = {
  error: 'give threshold or target_fpir: one follows from the other',
  path: ['target_fpir'],
};
const isEither = (list: {
  threshold?: number | string | undefined;
  target_fpir?: number | null | undefined;
}) => list.threshold === undefined || typeof list.target_fpir !== 'number';
const newWatchlist = fields.refine(isEither, eitherError);
const page = z.strictObject({ after: searchWord.optional(), limit: pageLimit });
const changes = fields.partial().refine(isEither, eitherError);

/** POST and GET /v1/watchlists; GET, PATCH and DELETE /v1/watchlists/{id}; PUT and DELETE …/persons/{person}. */
export const watchlists = ({ database }: Services) =>
  new Hono<Served>()
    .post('/', async (c) => {
      const wanted = await readJson(c, newWatchlist);
      const list = await asCaller(database, c.get('caller'), (trx) => addWatchlist(trx, wanted));
      c.header('Location', `/v1/watchlists/${list.id}`);
      return c.json(list, 201);
    })
    .get('/', async (c) => {
      const wanted = readQuery(c, page);
      const found = await readWatchlists(database.db, wanted);
      return c.json({ watchlists: found, next: nextOf(found, wanted.limit, (list) => list.name) });
    })
    .get('/:id', async (c) => c.json(await readWatchlist(database.db, idIn(c))))
    .patch('/:id', async (c) => {
      const id = idIn(c);
      const wanted = await readJson(c, changes);
      return c.json(await asCaller(database, c.get('caller'), (trx) => setWatchlist(trx, id, wanted)));
    })
    .delete('/:id', async (c) => {
      const id = idIn(c);
      await removeWatchlist(transactions(database, c.get('caller')), id);
      return c.body(null, 204);
    })
    .put('/:id/persons/:person', async (c) => {
      const [id, person] = [idIn(c), idIn(c, 'person')];
      await asCaller(database, c.get('caller'), (trx) => addToWatchlist(trx, id, person));
      return c.body(null, 204);
    })
    .delete('/:id/persons/:person', async (c) => {
      const [id, person] = [idIn(c), idIn(c, 'person')];
      await asCaller(database, c.get('caller'), (trx) => removeFromWatchlist(trx, id, person));
      return c.body(null, 204);
    });
