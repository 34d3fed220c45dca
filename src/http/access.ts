import { Hono } from 'hono';
import { z } from 'zod';
import { moment, nextOf, pageLimit, token } from '../fields.ts';
import { accessActions } from '../watchlist/access.ts';
import { findAccesses } from '../watchlist/registry.ts';
import { operation } from './operation.ts';
import { accessPage } from './schemas/access.ts';
import type { Served } from './services.ts';

const filter = z.strictObject({
  actor: token.optional(),
  action: z.enum(accessActions).optional(),
  person: z.guid().optional(),
  subject: z.guid().optional(),
  since: moment.optional(),
  until: moment.optional(),
  after: z.guid().optional(),
  limit: pageLimit,
});

/** GET /v1/access: who looked at photos and people, and who searched by photo. */
export const access = () =>
  new Hono<Served>().get(
    '/',
    operation({
      summary: 'List who looked at photos and people, the latest first',
      description:
        'One row for each reading of a photo or a crop, each search by photo, export, evidence file and access report. A photo or crop that the same key reads again within a minute is counted in times.',
      scope: 'administer',
      query: filter,
      answers: { 200: accessPage },
    }),
    async (c) => {
      const wanted = c.req.valid('query');
      const found = await findAccesses(c.get('db'), wanted);
      return c.json({ accesses: found, next: nextOf(found, wanted.limit, ({ id }) => id) });
    },
  );
