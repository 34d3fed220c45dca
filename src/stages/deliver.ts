import { sql } from 'kysely';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { attemptDelivery } from '../webhooks/delivery.ts';
import { type Stage, settle } from './stage.ts';

const raised = z.object({ alert_id: z.uuid() });
type Raised = z.infer<typeof raised>;

/** alert.raised -> notification: which endpoints are to be told of an alert, and what. */
export const notify: Stage<Raised, null> = {
  task: 'notify',
  payload: raised,

  async work(items, { database }) {
    const alerts = await database.db
      .selectFrom('watchpost.alert')
      .select('id')
      .where(
        'id',
        'in',
        items.map((item) => item.alert_id),
      )
      .execute();
    const known = new Set(alerts.map((alert) => alert.id));
    return items.map((item) =>
      settle(() => {
        if (!known.has(item.alert_id))
          throw new WatchpostError('row_missing', `The alert ${item.alert_id} is gone.`);
        return null;
      }),
    );
  },

  async write(trx, finished) {
    await sql`select watchpost.notify_endpoints(${finished.map(({ item }) => item.alert_id)}::uuid[])`.execute(
      trx,
    );
  },
};

const due = z.object({ notification_id: z.uuid() });
type Due = z.infer<typeof due>;

/** What became of a notification; `due` never: an attempt that failed is tried again. */
type Settled = 'delivered' | 'expired' | 'withdrawn' | 'disabled' | 'gone';

/**
 * notification.due -> delivery: tells an endpoint, attempt by attempt. Sending can not be undone by a rollback, so it is
 * part of the work, and its record is written at once: a worker that dies between sending and committing sends again,
 * under the same webhook-id, by which a receiver knows it.
 */
export const deliver: Stage<Due, Settled> = {
  task: 'deliver',
  payload: due,
  outward: true,

  work: (items, { database }) =>
    Promise.allSettled(
      items.map(async ({ notification_id }): Promise<Settled> => {
        const { rows } = await sql<DueNow>`
          select * from watchpost.delivery_due(${notification_id})
        `.execute(database.db);
        const [now] = rows;
        if (!now) throw new WatchpostError('row_missing', `The notification ${notification_id} is gone.`);
        if (now.verdict !== 'send') return now.verdict;
        const { status, error } = await attemptDelivery(database, {
          endpointId: now.endpoint_id,
          notificationId: notification_id,
          url: now.url,
          secrets: now.secrets,
          body: now.message,
        });
        if (status === 410) return 'gone';
        if (error) throw new WatchpostError('delivery_failed', error);
        return 'delivered';
      }),
    ),

  async write(trx, finished) {
    for (const { item, result } of finished) {
      const settled = await trx
        .updateTable('watchpost.notification')
        .set({ state: result, settled_at: sql`clock_timestamp()` })
        .where('id', '=', item.notification_id)
        .where('state', '=', 'due')
        .returning('endpoint_id')
        .executeTakeFirst();
      if (settled && result === 'gone')
        await sql`select watchpost.disable_endpoint(e.id, 'It answered 410 Gone.')
          from watchpost.endpoint as e
          where e.id = ${settled.endpoint_id} and e.removed_at is null`.execute(trx);
    }
  },
};

interface DueNow {
  readonly endpoint_id: string;
  readonly url: string;
  readonly message: string;
  readonly secrets: string[];
  readonly verdict: 'send' | Settled;
}
