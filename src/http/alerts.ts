import { Hono } from 'hono';
import { z } from 'zod';
import { nextOf, pageLimit, text } from '../fields.ts';
import {
  decisions,
  dismissals,
  listAlerts,
  type Review,
  readAlert,
  readAlertMatches,
  readLineage,
  readNotifications,
  readReviews,
  reviewAlert,
} from '../watchlist/alerts.ts';
import { alertFilter, alertStream } from './alert-stream.ts';
import { asCaller } from './as-caller.ts';
import { idIn, readOptionalJson, readQuery } from './body.ts';
import { cropPath } from './faces.ts';
import type { Served, Services } from './services.ts';

const listed = alertFilter.extend({ after: z.guid().optional(), limit: pageLimit });

const note = text.optional();
const review = z.strictObject({ note });
const dismissal = z.strictObject({
  note,
  dismissal: z.enum(dismissals, `give one of ${dismissals.join(', ')}`),
});

const undoing = z.strictObject({ note, review: z.guid().optional() });

const bodies: Record<(typeof decisions)[number], z.ZodType<Omit<Review, 'decision'>>> = {
  acknowledge: review,
  confirm: review,
  dismiss: dismissal,
  reopen: review,
  undo: undoing,
};

/**
 * GET /v1/alerts lists alerts, the latest first; GET /v1/alerts/stream sends them as they are raised; GET /v1/alerts/{id}
 * has one with its matches, reviews and notifications; POST /v1/alerts/{id}/acknowledge, confirm, dismiss and reopen
 * review one in the name of the API key, and POST /v1/alerts/{id}/undo takes the last review back.
 */
export const alerts = (services: Services) => {
  const { database } = services;
  const routes = new Hono<Served>()
    .get('/', async (c) => {
      const { after, limit, ...wanted } = readQuery(c, listed);
      const found = await listAlerts(database.db, wanted, { after, limit });
      return c.json({ alerts: found, next: nextOf(found, limit, ({ id }) => id) });
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
        crop_url: new URL(cropPath(match.face_id), c.req.url).href,
      }));
      return c.json({ ...alert, matches: withCrops, reviews, notifications, lineage });
    });

  for (const decision of decisions) {
    routes.post(`/:id/${decision}`, async (c) => {
      const id = idIn(c);
      const body = await readOptionalJson(c, bodies[decision]);
      const reviewed = await asCaller(database, c.get('caller'), (trx) =>
        reviewAlert(trx, id, { decision, ...body }),
      );
      return c.json(reviewed);
    });
  }
  return routes;
};
