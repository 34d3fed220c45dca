import type { Context } from 'hono';
import { z } from 'zod';
import { moment, searchWord } from '../fields.ts';
import { newAlerts } from '../watchlist/alerts.ts';
import { AlertListener } from './alert-listener.ts';
import type { RowStreams } from './row-streams.ts';
import type { Served, Services } from './services.ts';

/** The filters of both the list and the stream of alerts. */
export const alertFilter = z.strictObject({
  state: z.enum(['open', 'acknowledged', 'confirmed', 'dismissed']).optional(),
  person_id: z.guid().optional(),
  watchlist: searchWord.optional(),
  min_severity: z.enum(['info', 'warning', 'critical']).optional(),
  since: moment.optional(),
});

/**
 * GET /v1/alerts/stream: alerts as they are raised, as server-sent events: `alert.raised`, or `alert.retroactive` for
 * those found by searching past photos. The filters are those of the list.
 *
 * @throws {WatchpostError} streams_full, header_invalid, query_invalid.
 */
export const alertStream = ({ database, log }: Services, streams: RowStreams) => {
  const listener = new AlertListener(database, log);
  return (c: Context<Served, string, { out: { query: z.output<typeof alertFilter> } }>) =>
    streams.answer(c, {
      begin: (position) => newAlerts(c.get('db'), c.req.valid('query'), position),
      subscribe: (wake) => listener.subscribe(wake),
      messageOf: ({ xid: _, ...alert }) => ({
        event: alert.retroactive ? 'alert.retroactive' : 'alert.raised',
        data: JSON.stringify(alert),
      }),
    });
};
