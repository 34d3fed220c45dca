import { Hono } from 'hono';
import { createFactory } from 'hono/factory';
import { z } from 'zod';
import { flag, moment, nextOf, pageLimit, text } from '../fields.ts';
import {
  acknowledgeStrangerAlert,
  readStrangerAlerts,
  reviewStrangerAlert,
  type StrangerDecision,
} from '../watchlist/stranger-alerts.ts';
import { asCaller } from './as-caller.ts';
import { idIn } from './body.ts';
import { cropPath } from './crop-path.ts';
import { operation } from './operation.ts';
import { strangerAlert, strangerAlertPage } from './schemas/stranger-rules.ts';
import type { Served } from './services.ts';

const filter = z.strictObject({
  rule: z.guid().optional(),
  camera: z.guid().optional(),
  since: moment.optional(),
  open: flag.optional(),
  after: z.guid().optional(),
  limit: pageLimit,
});

const withCrop = <Alert extends { face_id: string | null }>(alert: Alert) => ({
  ...alert,
  crop: alert.face_id && cropPath(alert.face_id),
});

const review = z.strictObject({ note: text.optional() });

const reviewing = (decision: StrangerDecision, summary: string) =>
  createFactory<Served>().createHandlers(
    operation({
      summary,
      scope: 'review',
      body: review,
      creates: true,
      answers: { 200: strangerAlert },
      errors: ['stranger_alert_unknown', 'transition_invalid'],
    }),
    async (c) => {
      const id = idIn(c);
      const { note } = c.req.valid('json');
      return c.json(withCrop(await asCaller(c, (trx) => reviewStrangerAlert(trx, id, decision, note))));
    },
  );

/**
 * GET /v1/stranger-alerts lists alerts about people who are on no list; POST …/{id}/acknowledge says that one was looked at,
 * POST …/{id}/confirm, dismiss and reopen what became of it.
 */
export const strangerAlerts = () =>
  new Hono<Served>()
    .get(
      '/',
      operation({
        summary: 'List alerts about people who are on no list, those seen last first',
        scope: 'read',
        query: filter,
        answers: { 200: strangerAlertPage },
      }),
      async (c) => {
        const { after, limit, ...wanted } = c.req.valid('query');
        const found = await readStrangerAlerts(c.get('db'), wanted, { after, limit });
        return c.json({ alerts: found.map(withCrop), next: nextOf(found, limit, ({ id }) => id) });
      },
    )
    .post(
      '/:id/acknowledge',
      operation({
        summary: 'Note that an alert about somebody on no list was looked at',
        scope: 'review',
        creates: true,
        answers: { 200: strangerAlert },
        errors: ['stranger_alert_unknown'],
      }),
      async (c) => {
        const id = idIn(c);
        return c.json(withCrop(await asCaller(c, (trx) => acknowledgeStrangerAlert(trx, id))));
      },
    )
    .post('/:id/confirm', ...reviewing('confirmed', 'Confirm an alert about somebody on no list'))
    .post('/:id/dismiss', ...reviewing('dismissed', 'Dismiss an alert about somebody on no list'))
    .post('/:id/reopen', ...reviewing('reopened', 'Reopen an alert about somebody on no list'));
