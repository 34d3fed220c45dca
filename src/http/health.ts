import { Hono } from 'hono';
import { version } from '../version.ts';
import { operation } from './operation.ts';
import { healthy, ready } from './schemas/tasks.ts';
import type { Served, Services } from './services.ts';

/**
 * GET /healthz: the process answers. GET /readyz: its database has the schema and takes writes.
 */
export const health = ({ database, vision }: Services) =>
  new Hono<Served>()
    .get(
      '/healthz',
      operation({ summary: 'Whether the process answers', scope: null, answers: { 200: healthy } }),
      (c) => c.json({ status: 'ok' as const, version }),
    )
    .get(
      '/readyz',
      operation({
        summary: 'Whether the database has the schema and takes writes',
        scope: null,
        answers: { 200: ready },
      }),
      async (c) => {
        await database.pool.query('select from watchpost.subscription limit 1');
        return c.json({ status: 'ready' as const, version, models: vision.models.map((model) => model.id) });
      },
    );
