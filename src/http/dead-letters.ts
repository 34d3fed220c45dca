import { Hono } from 'hono';
import { idIn } from './body.ts';
import type { Served, Services } from './services.ts';

/** GET /v1/dead-letters lists the events that were given up; POST /v1/dead-letters/{id}/replay tries one again. */
export const deadLetters = ({ database }: Services) =>
  new Hono<Served>()
    .get('/', async (c) => {
      const letters = await database.db
        .selectFrom('watchpost.dead_letter')
        .selectAll()
        .orderBy('died_at', 'desc')
        .limit(1000)
        .execute();
      return c.json({ dead_letters: letters });
    })
    .post('/:id/replay', async (c) => {
      const { rows } = await database.pool.query<{ replayed: boolean }>(
        'select watchpost.replay($1) as replayed',
        [idIn(c)],
      );
      return c.json({ replayed: rows[0]?.replayed ?? false }, 202);
    });
