import { Hono } from 'hono';
import { z } from 'zod';
import { addToWatchlist, addWatchlist, readWatchlists, removeFromWatchlist } from '../watchlist/registry.ts';
import type { Served, Services } from './app.ts';
import { idIn, readJson } from './body.ts';

const newWatchlist = z.strictObject({
  name: z.string().min(1),
  purpose: z.string().optional(),
  severity: z.enum(['info', 'warning', 'critical']).optional(),
  threshold: z.number().min(0).max(1).optional(),
  cooldown_seconds: z.number().min(0).max(31_536_000).optional(),
  enabled: z.boolean().optional(),
});

/** POST and GET /v1/watchlists; PUT and DELETE /v1/watchlists/{id}/persons/{person}. */
export const watchlists = ({ database }: Services) =>
  new Hono<Served>()
    .post('/', async (c) => c.json(await addWatchlist(database.db, await readJson(c, newWatchlist)), 201))
    .get('/', async (c) => c.json({ watchlists: await readWatchlists(database.db) }))
    .put('/:id/persons/:person', async (c) => {
      await addToWatchlist(database.db, idIn(c), idIn(c, 'person'));
      return c.body(null, 204);
    })
    .delete('/:id/persons/:person', async (c) => {
      await removeFromWatchlist(database.db, idIn(c), idIn(c, 'person'));
      return c.body(null, 204);
    });
