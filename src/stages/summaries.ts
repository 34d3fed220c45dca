import { sql } from 'kysely';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import type { Stage } from './stage.ts';
import { disablesGone, type Gone, sendToEndpoint } from './to-endpoint.ts';

const payload = z.object({ endpoint_id: z.uuid(), watchlist_id: z.uuid(), released_at: z.string() });
type Payload = z.infer<typeof payload>;

/** summary.due -> delivery: tells an endpoint what quiet hours or the rate of a list have held back, in one message. */
export const summaries: Stage<Payload, Gone> = {
  task: 'summaries',
  payload,
  outward: true,

  work: (items, tools) =>
    Promise.allSettled(
      items.map(async ({ event_id, endpoint_id, watchlist_id, released_at }) => {
        const { rows } = await sql<{ body: string | null }>`
          select watchpost.summary_message(${endpoint_id}, ${watchlist_id}, ${released_at}::timestamptz)::text as body
        `.execute(tools.database.db);
        const body = rows[0]?.body;
        if (!body) throw new WatchpostError('row_missing', 'The notifications that were held back are gone.');
        return sendToEndpoint(tools, {
          endpointId: endpoint_id,
          id: event_id,
          type: 'alerts.held',
          what: 'the summary of what was held back',
          body,
        });
      }),
    ),

  write: disablesGone,
};
