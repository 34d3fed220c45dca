import { z } from 'zod';
import type { Stage } from './stage.ts';
import { disablesGone, type Gone, sendToEndpoint } from './to-endpoint.ts';

const payload = z.object({
  endpoint_id: z.uuid(),
  type: z.string(),
  alarm: z.looseObject({ alarm_id: z.uuid(), since: z.string(), until: z.string().optional() }),
});
type Payload = z.infer<typeof payload>;

/** alarm.due -> delivery: tells an endpoint that an alarm of the machines has begun or ended, signed like an alert. */
export const alarms: Stage<Payload, Gone> = {
  task: 'alarms',
  payload,
  outward: true,

  work: (items, tools) =>
    Promise.allSettled(
      items.map(({ event_id, endpoint_id, type, alarm }) =>
        sendToEndpoint(tools, {
          endpointId: endpoint_id,
          id: event_id,
          type: 'alarm',
          what: `the alarm ${type}`,
          body: JSON.stringify({ type, timestamp: alarm.until ?? alarm.since, data: alarm }),
        }),
      ),
    ),

  write: disablesGone,
};
