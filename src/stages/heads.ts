import { sql } from 'kysely';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { publicOnly } from '../outgoing/index.ts';
import { attemptDelivery } from '../webhooks/delivery.ts';
import type { Stage } from './stage.ts';

const payload = z.object({
  endpoint_id: z.uuid(),
  number: z.number(),
  digest: z.string(),
  sealed_at: z.string(),
});
type Payload = z.infer<typeof payload>;

/** Whether the endpoint answered 410. */
type Gone = boolean;

/**
 * head.due -> delivery: sends the latest seal to an endpoint, signed like an alert. Whoever keeps it elsewhere can show later
 * that the record was rewritten.
 */
export const heads: Stage<Payload, Gone> = {
  task: 'heads',
  payload,
  outward: true,

  work: (items, { database, outgoing = publicOnly }) =>
    Promise.allSettled(
      items.map(async ({ event_id, endpoint_id, number, digest, sealed_at }): Promise<Gone> => {
        const { rows } = await sql<{ name: string; url: string; enabled: boolean; secrets: string[] }>`
          select e.name, e.url, e.enabled, watchpost.valid_secrets(e.id) as secrets
          from watchpost.endpoint as e
          where e.id = ${endpoint_id}
        `.execute(database.db);
        const [endpoint] = rows;
        if (!endpoint) throw new WatchpostError('row_missing', `The endpoint ${endpoint_id} is gone.`);
        if (!endpoint.enabled) return false;
        const line = `${number} ${digest} ${sealed_at}`;
        const message = {
          type: 'record.head',
          timestamp: new Date().toISOString(),
          data: { number, digest, sealed_at, line },
        };
        const { status, error } = await attemptDelivery(database, outgoing, {
          endpointId: endpoint_id,
          notificationId: null,
          type: 'record.head',
          id: event_id,
          url: endpoint.url,
          secrets: endpoint.secrets,
          body: JSON.stringify(message),
        });
        if (status !== 410 && error)
          throw new WatchpostError(
            'delivery_failed',
            `The endpoint ${endpoint.name} did not take seal ${number}. ${error}`,
          );
        return status === 410;
      }),
    ),

  write: {
    call: 'watchpost.write_heads',
    parameters: (finished) => [
      finished.map(({ item }) => item.event_id),
      finished.map(({ item }) => item.endpoint_id),
      finished.map(({ result }) => result),
    ],
  },
};
