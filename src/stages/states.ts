import { sql } from 'kysely';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import type { Stage } from './stage.ts';
import { disablesGone, type Gone, sendToEndpoint } from './to-endpoint.ts';

const payload = z.object({ endpoint_id: z.uuid(), alert_id: z.uuid(), notification_id: z.uuid() });
type Payload = z.infer<typeof payload>;

/** state.due -> delivery: tells an endpoint that follows alerts what has become of one, as it is when the message is sent. */
export const states: Stage<Payload, Gone> = {
  task: 'states',
  payload,
  outward: true,

  work: (items, tools) =>
    Promise.allSettled(
      items.map(async ({ event_id, endpoint_id, alert_id, notification_id }) => {
        const { rows } = await sql<{ body: string | null }>`
          select watchpost.state_message(n.id)::text as body from watchpost.notification as n where n.id = ${notification_id}
        `.execute(tools.database.db);
        if (!rows[0]) throw new WatchpostError('row_missing', `The notification ${notification_id} is gone.`);
        const { body } = rows[0];
        // The first message has not arrived; when it does, what became of the alert is sent after it.
        if (!body) return false;
        return sendToEndpoint(tools, {
          endpointId: endpoint_id,
          id: event_id,
          type: 'alert.state',
          what: `the state of alert ${alert_id}`,
          body,
        });
      }),
    ),

  write: disablesGone,
};
