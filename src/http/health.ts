import { Hono } from 'hono';
import { version } from '../version.ts';
import type { Served, Services } from './services.ts';

/**
 * GET /healthz: the process answers. GET /readyz: its database has the schema and takes writes.
 */
export const health = ({ database, vision }: Services) =>
  new Hono<Served>()
    .get('/healthz', (c) => c.json({ status: 'ok', version }))
    .get('/readyz', async (c) => {
      await database.pool.query('select from watchpost.subscription limit 1');
      return c.json({ status: 'ready', version, models: vision.models.map((model) => model.id) });
    });
