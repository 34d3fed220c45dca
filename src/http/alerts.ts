import { Hono } from 'hono';
import { createFactory } from 'hono/factory';
import { z } from 'zod';
import { nextOf, pageLimit, text } from '../fields.ts';
import { readAlertMatches, readChance, readLineage } from '../watchlist/alert-origin.ts';
import {
  dismissals,
  listAlerts,
  type Review,
  readAlert,
  readNotifications,
  readReviews,
  reviewAlert,
} from '../watchlist/alerts.ts';
import { addressOf } from './address.ts';
import { alertFilter, alertStream } from './alert-stream.ts';
import { asCaller } from './as-caller.ts';
import { idIn } from './body.ts';
import { cropPath } from './crop-path.ts';
import { operation } from './operation.ts';
import type { RowStreams } from './row-streams.ts';
import { alertPage, alertReport, reviewedAlert } from './schemas/alerts.ts';
import type { Served, Services } from './services.ts';

const listed = alertFilter.extend({ after: z.guid().optional(), limit: pageLimit });

const note = text.optional();
const review = z.strictObject({ note });
const dismissal = z.strictObject({
  note,
  dismissal: z.enum(dismissals, `give one of ${dismissals.join(', ')}`),
});

const undoing = z.strictObject({ note, review: z.guid().optional() });

/** The handlers of one decision on an alert. */
const reviewing = <Body extends z.ZodType<Omit<Review, 'decision'>>>(
  decision: Review['decision'],
  summary: string,
  body: Body,
) =>
  createFactory<Served>().createHandlers(
    operation({
      summary,
      scope: 'review',
      body,
      optionalBody: true,
      creates: true,
      answers: { 200: reviewedAlert },
      errors: [
        'alert_unknown',
        'transition_invalid',
        'reviewer_repeated',
        'dismissal_invalid',
        'undo_refused',
        'cannot_link_self',
        'match_ruled_out',
      ],
    }),
    async (c) => {
      const id = idIn(c);
      const given: Omit<Review, 'decision'> = c.req.valid('json');
      return c.json(await asCaller(c, (trx) => reviewAlert(trx, id, { decision, ...given })));
    },
  );

/**
 * GET /v1/alerts lists alerts, the latest first; GET /v1/alerts/stream sends them as they are raised; GET /v1/alerts/{id}
 * has one with its matches, reviews and notifications; POST /v1/alerts/{id}/acknowledge, confirm, dismiss and reopen
 * review one in the name of the API key, and POST /v1/alerts/{id}/undo takes the last review back.
 */
export const alerts = (services: Services, streams: RowStreams) =>
  new Hono<Served>()
    .get(
      '/',
      operation({
        summary: 'List alerts, those seen last first',
        scope: 'read',
        query: listed,
        answers: { 200: alertPage },
        errors: ['alert_unknown'],
      }),
      async (c) => {
        const { after, limit, ...wanted } = c.req.valid('query');
        const found = await listAlerts(c.get('db'), wanted, { after, limit });
        return c.json({ alerts: found, next: nextOf(found, limit, ({ id }) => id) });
      },
    )
    .get(
      '/stream',
      operation({
        summary: 'Alerts as they are raised, as server-sent events',
        description:
          'Events alert.raised, and alert.retroactive for those found by searching past photos; their data are an Alert. Resume with Last-Event-ID: no alert is missed and none comes twice.',
        scope: 'read',
        query: alertFilter,
        headers: z.object({ 'last-event-id': z.string().optional() }),
        answers: { 200: { type: 'text/event-stream' } },
        errors: ['streams_full'],
      }),
      alertStream(services, streams),
    )
    .get(
      '/:id',
      operation({
        summary: 'An alert with its matches, reviews, notifications and lineage',
        scope: 'read',
        answers: { 200: alertReport },
        errors: ['alert_unknown'],
      }),
      async (c) => {
        const id = idIn(c);
        const db = c.get('db');
        const alert = await readAlert(db, id);
        const [chance, matches, reviews, notifications, lineage] = await Promise.all([
          readChance(db, id),
          readAlertMatches(db, id),
          readReviews(db, id),
          readNotifications(db, id),
          readLineage(db, id),
        ]);
        const withCrops = matches.map((match) => ({
          ...match,
          crop_url: addressOf(c, cropPath(match.face_id)),
        }));
        return c.json({ ...alert, ...chance, matches: withCrops, reviews, notifications, lineage });
      },
    )
    .post('/:id/acknowledge', ...reviewing('acknowledge', 'Acknowledge an alert', review))
    .post('/:id/confirm', ...reviewing('confirm', 'Confirm an alert: it is them', review))
    .post('/:id/dismiss', ...reviewing('dismiss', 'Dismiss an alert, with the reason', dismissal))
    .post('/:id/reopen', ...reviewing('reopen', 'Reopen a dismissed or confirmed alert', review))
    .post('/:id/undo', ...reviewing('undo', 'Take back the last review of an alert', undoing));
