import { type Context, Hono } from 'hono';
import { z } from 'zod';
import {
  type Decision,
  decisions,
  dismissals,
  readAlert,
  readAlertMatches,
  readLineage,
  readNotifications,
  readReviews,
  reviewAlert,
  selectAlerts,
} from '../watchlist/alerts.ts';
import { alertFilter, alertStream } from './alert-stream.ts';
import type { Served, Services } from './app.ts';
import { asCaller } from './as-caller.ts';
import { idIn, parseAs } from './body.ts';

const listed = alertFilter.extend({ limit: z.coerce.number().int().min(1).max(1000).default(100) });

const note = z.string().max(2000).optional();
const review = z.strictObject({ note });
const dismissal = z.strictObject({
  note,
  dismissal: z.enum(dismissals, `give one of ${dismissals.join(', ')}`),
});

/**
 * GET /v1/alerts: who was seen where, latest first; GET /v1/alerts/stream as they come; GET /v1/alerts/{id} with all
 * there is; POST /v1/alerts/{id}/acknowledge, confirm, dismiss, reopen in the name of the API key.
 */
export const alerts = (services: Services) => {
  const { database } = services;
  const routes = new Hono<Served>()
    .get('/', async (c) => {
      const { limit, ...wanted } = parseAs(listed, c.req.query(), 'query_invalid');
      const found = await selectAlerts(database.db, wanted)
        .orderBy('a.last_seen', 'desc')
        .orderBy('a.id', 'desc')
        .limit(limit)
        .execute();
      return c.json({ alerts: found });
    })
    .get('/stream', alertStream(services))
    .get('/:id', async (c) => {
      const id = idIn(c);
      const alert = await readAlert(database.db, id);
      const [matches, reviews, notifications, lineage] = await Promise.all([
        readAlertMatches(database.db, id),
        readReviews(database.db, id),
        readNotifications(database.db, id),
        readLineage(database, id),
      ]);
      const withCrops = matches.map((match) => ({
        ...match,
        crop_url: new URL(`/v1/faces/${match.face_id}/crop`, c.req.url).href,
      }));
      return c.json({ ...alert, matches: withCrops, reviews, notifications, lineage });
    });

  for (const decision of decisions) {
    routes.post(`/:id/${decision}`, async (c) => {
      const id = idIn(c);
      const words = await readWords(c, decision);
      const reviewed = await asCaller(database, c.get('caller'), (trx) =>
        reviewAlert(trx, id, { decision, ...words }),
      );
      services.relay.nudge();
      return c.json(reviewed);
    });
  }
  return routes;
};

/** The body of a review, which may be left out where it says nothing that is needed. */
const readWords = async (
  c: Context<Served>,
  decision: Decision,
): Promise<{ note?: string | undefined; dismissal?: string }> => {
  const text = await c.req.text();
  let body: unknown = {};
  try {
    if (text.trim() !== '') body = JSON.parse(text);
  } catch {
    body = text;
  }
  return decision === 'dismiss' ? parseAs(dismissal, body) : parseAs(review, body);
};
