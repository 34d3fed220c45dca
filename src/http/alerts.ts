import { Hono } from 'hono';
import { z } from 'zod';
import type { Served, Services } from './app.ts';
import { parseAs } from './body.ts';

const filter = z.strictObject({
  state: z.enum(['open', 'acknowledged', 'confirmed', 'dismissed']).optional(),
  person_id: z.guid().optional(),
  watchlist: z.string().optional(),
  since: z.iso.datetime({ offset: true, error: 'give a time like 2026-11-23T15:04:05Z' }).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

/** GET /v1/alerts: who was seen where, latest first. */
export const alerts = ({ database }: Services) =>
  new Hono<Served>().get('/', async (c) => {
    const wanted = parseAs(filter, c.req.query(), 'query_invalid');
    const query = database.db
      .selectFrom('watchpost.alert as a')
      .innerJoin('watchpost.person as p', 'p.id', 'a.person_id')
      .innerJoin('watchpost.watchlist as w', 'w.id', 'a.watchlist_id')
      .innerJoin('watchpost.match as m', 'm.id', 'a.best_match_id')
      .innerJoin('watchpost.face as f', 'f.id', 'm.face_id')
      .leftJoin('watchpost.camera as k', 'k.id', 'a.camera_id')
      .select([
        'a.id',
        'p.id as person_id',
        'p.name as person',
        'w.name as watchlist',
        'a.severity',
        'a.state',
        'a.similarity',
        'm.threshold',
        'k.name as camera',
        'k.location',
        'k.zone',
        'a.first_seen',
        'a.last_seen',
        'a.sightings',
        'f.image_id',
        'f.id as face_id',
        'a.created_at',
      ])
      .$if(wanted.state !== undefined, (q) => q.where('a.state', '=', wanted.state as string))
      .$if(wanted.person_id !== undefined, (q) => q.where('a.person_id', '=', wanted.person_id as string))
      .$if(wanted.watchlist !== undefined, (q) => q.where('w.name', '=', wanted.watchlist as string))
      .$if(wanted.since !== undefined, (q) => q.where('a.last_seen', '>=', new Date(wanted.since as string)))
      .orderBy('a.last_seen', 'desc')
      .orderBy('a.id', 'desc')
      .limit(wanted.limit);
    return c.json({ alerts: await query.execute() });
  });
