import { sql } from 'kysely';
import { z } from 'zod';
import { attemptDelivery } from '../endpoints/delivery.ts';
import { WatchpostError } from '../errors.ts';
import { publicOnly } from '../outgoing/index.ts';
import type { Stage } from './stage.ts';

const payload = z.object({ notification_id: z.uuid() });
type Payload = z.infer<typeof payload>;

/** The final states of a notification. A failed attempt leaves it in the state `due` and is retried. */
type Settled = 'delivered' | 'expired' | 'withdrawn' | 'disabled' | 'gone';

/**
 * notification.due -> delivery: sends one message to one endpoint; a failed attempt is retried. A rollback cannot undo
 * sending, so `work` sends and records each attempt at once. If the worker dies before `write` commits, the message is
 * sent again with the same webhook-id, by which the receiver recognises the repetition.
 */
export const deliver: Stage<Payload, Settled> = {
  task: 'deliver',
  payload,
  outward: true,

  work: (items, { database, outgoing = publicOnly }) =>
    Promise.allSettled(
      items.map(async ({ notification_id }): Promise<Settled> => {
        const { rows } = await sql<DueMessage>`
          select d.*, e.name as endpoint, n.alert_id
          from watchpost.delivery_due(${notification_id}) as d
          join watchpost.endpoint as e on e.id = d.endpoint_id
          join watchpost.notification as n on n.id = ${notification_id}
        `.execute(database.db);
        const [message] = rows;
        if (!message) throw new WatchpostError('row_missing', `The notification ${notification_id} is gone.`);
        if (message.verdict !== 'send') return message.verdict;
        const { status, error } = await attemptDelivery(database, outgoing, {
          endpointId: message.endpoint_id,
          notificationId: notification_id,
          body: message.message,
        });
        if (status === 410) return 'gone';
        if (error) {
          throw new WatchpostError(
            'delivery_failed',
            `The endpoint ${message.endpoint} did not take alert ${message.alert_id}. ${error}`,
          );
        }
        return 'delivered';
      }),
    ),

  write: {
    call: 'watchpost.write_notification_states',
    parameters: (finished) => [
      finished.map(({ item }) => item.event_id),
      finished.map(({ item }) => item.notification_id),
      finished.map(({ result }) => result),
    ],
  },
};

interface DueMessage {
  /** The endpoint's name. */
  readonly endpoint: string;
  readonly alert_id: string;
  readonly endpoint_id: string;
  readonly message: string;
  /** `send`, or the final state of a message that must not be sent any more. */
  readonly verdict: 'send' | Settled;
}
