import { z } from 'zod';
import type { Stage } from './stage.ts';
import { disablesGone, type Gone, sendToEndpoint } from './to-endpoint.ts';

const payload = z.object({
  endpoint_id: z.uuid(),
  number: z.number(),
  digest: z.string(),
  sealed_at: z.string(),
});
type Payload = z.infer<typeof payload>;

/**
 * head.due -> delivery: sends the latest seal to an endpoint, signed like an alert. Whoever keeps it elsewhere can show later
 * that the record was rewritten.
 */
export const heads: Stage<Payload, Gone> = {
  task: 'heads',
  payload,
  outward: true,

  work: (items, tools) =>
    Promise.allSettled(
      items.map(({ event_id, endpoint_id, number, digest, sealed_at }) => {
        const line = `${number} ${digest} ${sealed_at}`;
        const message = {
          type: 'record.head',
          timestamp: new Date().toISOString(),
          data: { number, digest, sealed_at, line },
        };
        return sendToEndpoint(tools, {
          endpointId: endpoint_id,
          id: event_id,
          type: 'record.head',
          what: `seal ${number}`,
          body: JSON.stringify(message),
        });
      }),
    ),

  write: disablesGone,
};
