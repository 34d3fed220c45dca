import type { Context } from 'hono';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import { z } from 'zod';
import type { Database } from '../database/pool.ts';
import { isDatabaseAway } from '../database-errors.ts';
import { WatchpostError } from '../errors.ts';
import { moment, searchWord } from '../fields.ts';
import { limits } from '../limits.ts';
import { NewAlerts } from '../watchlist/new-alerts.ts';
import { AlertListener } from './alert-listener.ts';
import { OpenStreams } from './open-streams.ts';
import type { Served, Services } from './services.ts';

/** The filters of both the list and the stream of alerts. */
export const alertFilter = z.strictObject({
  state: z.enum(['open', 'acknowledged', 'confirmed', 'dismissed']).optional(),
  person_id: z.guid().optional(),
  watchlist: searchWord.optional(),
  min_severity: z.enum(['info', 'warning', 'critical']).optional(),
  must_acknowledge: z
    .enum(['true', 'false'], 'give true or false')
    .transform((given) => given === 'true')
    .optional()
    .meta({ description: 'Of lists whose alerts somebody has to acknowledge, or of the others.' }),
  since: moment.optional(),
});

/** Milliseconds between heartbeats: proxies cut off a stream that is silent, many after 60 s. */
const heartbeatEvery = 15_000;

/** Milliseconds before the next query while the database is away. */
const retryAfter = 2_000;

/**
 * GET /v1/alerts/stream: alerts as they are raised, as server-sent events: `alert.raised`, or `alert.retroactive` for
 * those found by searching past photos. A client that was cut off resumes with `Last-Event-ID`: it misses no alert, and
 * may get some twice, with the same ids. The filters are those of the list.
 *
 * @throws {WatchpostError} streams_full, header_invalid, query_invalid.
 */
export const alertStream = ({ config, database, log, stopping, workerId }: Services) => {
  const listener = new AlertListener(database, log);
  const open = new OpenStreams(database, workerId, {
    most: config.streams ?? limits.streams.max,
    mostOfKey: config.streamsPerKey ?? limits.streamsPerKey.max,
  });
  return async (c: Context<Served, string, { out: { query: z.output<typeof alertFilter> } }>) => {
    const wanted = c.req.valid('query');
    const last = c.req.header('last-event-id');
    if (last !== undefined && !(await isPosition(database, last))) {
      throw new WatchpostError('header_invalid', 'Last-Event-ID is not the id of an event of this stream.');
    }
    if (stopping?.aborted) throw new WatchpostError('streams_full', 'The server is stopping.');
    // Hono answers HEAD by the route of GET. A stream would stay open, because it is never read.
    if (c.req.raw.method === 'HEAD') return c.body(null, 200, { 'content-type': 'text/event-stream' });
    const key = c.get('key');
    const close = await open.add(key);
    const sleep = new Sleep();
    const wake = () => sleep.end();
    const unsubscribe = listener.subscribe(wake);
    stopping?.addEventListener('abort', wake);
    const end = () => {
      close();
      unsubscribe();
      stopping?.removeEventListener('abort', wake);
    };
    try {
      const alerts =
        last === undefined
          ? await NewAlerts.fromNow(c.get('db'), wanted)
          : NewAlerts.after(c.get('db'), wanted, last);
      return streamSSE(c, async (stream) => {
        stream.onAbort(wake);
        const isOpen = () => !stream.aborted && !stream.closed && !stopping?.aborted;
        try {
          await follow(stream, alerts, {
            isOpen,
            sleep,
            allowed: () => key.isStillValid(),
          });
        } finally {
          end();
        }
      });
    } catch (error) {
      end();
      throw error;
    }
  };
};

const follow = async (
  stream: SSEStreamingApi,
  alerts: NewAlerts,
  { isOpen, sleep, allowed }: { isOpen: () => boolean; sleep: Sleep; allowed: () => Promise<boolean> },
): Promise<void> => {
  let beatAt = 0;
  while (isOpen()) {
    let pause = heartbeatEvery;
    try {
      const found = await alerts.next();
      for (const { alert, position } of found) {
        const event = alert.retroactive ? 'alert.retroactive' : 'alert.raised';
        await stream.writeSSE({ event, id: position, data: JSON.stringify(alert) });
        if (!isOpen()) return;
      }
      if (found.length > 0) continue;
      if (Date.now() >= beatAt) {
        if (!(await allowed())) return;
        // With the position: a client that resumes after a quiet day does not start over from the first one.
        await stream.write(`: heartbeat\nid: ${alerts.position}\n\n`);
        beatAt = Date.now() + heartbeatEvery;
      }
    } catch (error) {
      if (!isDatabaseAway(error)) throw error;
      pause = retryAfter;
    }
    await sleep.atMost(Math.max(Math.min(pause, beatAt - Date.now()), retryAfter));
  }
};

/** Whether the text of a Last-Event-ID is a snapshot of Postgres, which the positions of a stream are. */
const isPosition = async ({ pool }: Database, text: string): Promise<boolean> => {
  if (!/^[\d:,]{1,4000}$/.test(text)) return false;
  const { rows } = await pool.query<{ good: boolean }>(
    `select pg_input_is_valid($1, 'pg_snapshot') as good`,
    [text],
  );
  return rows[0]?.good ?? false;
};

/** A pause that can be ended early. If it is ended before it begins, the next one is skipped. */
class Sleep {
  #ended = false;
  #wake: (() => void) | undefined;

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async atMost(ms: number): Promise<void> {
    if (!this.#ended) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#ended = false;
    this.#wake = undefined;
  }
}
