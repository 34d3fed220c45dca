import { Hono } from 'hono';
import { z } from 'zod';
import { nextOf, pageLimit } from '../fields.ts';
import { idIn, readQuery } from './body.ts';
import type { Served, Services } from './services.ts';

const page = z.strictObject({ after: z.guid().optional(), limit: pageLimit });

/** GET /v1/dead-letters lists the events that were given up, latest first; POST /v1/dead-letters/{id}/replay tries one again. */
export const deadLetters = ({ database }: Services) =>
  new Hono<Served>()
    .get('/', async (c) => {
      const { after, limit } = readQuery(c, page);
      const letters = await database.db
        .selectFrom('watchpost.dead_letter')
        .selectAll()
        .$if(after !== undefined, (q) => q.where('id', '<', after as string))
        .orderBy('id', 'desc')
        .limit(limit)
        .execute();
      return c.json({ dead_letters: letters, next: nextOf(letters, limit, ({ id }) => id) });
    })
    .post('/:id/replay', async (c) => {
      const { rows } = await database.pool.query<{ replayed: boolean }>(
        'select watchpost.replay($1) as replayed',
        [idIn(c)],
      );
      return c.json({ replayed: rows[0]?.replayed ?? false }, 202);
    });
