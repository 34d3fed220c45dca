import type { Handler } from 'hono';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import { z } from 'zod';
import type { Database } from '../database/pool.ts';
import { isDatabaseAway, WatchpostError } from '../errors.ts';
import { moment, searchWord } from '../fields.ts';
import { limits } from '../limits.ts';
import { NewAlerts } from '../watchlist/new-alerts.ts';
import { AlertListener } from './alert-listener.ts';
import { readQuery } from './body.ts';
import type { Served, Services } from './services.ts';

/** The filters that a list and a stream of alerts share. */
export const alertFilter = z.strictObject({
  state: z.enum(['open', 'acknowledged', 'confirmed', 'dismissed']).optional(),
  person_id: z.guid().optional(),
  watchlist: searchWord.optional(),
  min_severity: z.enum(['info', 'warning', 'critical']).optional(),
  since: moment.optional(),
});

/** Milliseconds between signs of life, which keep proxies from cutting an idle stream (60 s is common). */
const heartbeatEvery = 15_000;

/** Milliseconds before a look at a database that is away is tried again. */
const patience = 2_000;

/**
 * GET /v1/alerts/stream: alerts as they are raised, as server-sent events: `alert.raised`, or `alert.retroactive` for
 * those found by searching the past. `Last-Event-ID` goes on where a stream broke off: no alert is left out, and of
 * several that came together some may come twice, which their ids tell. The filters are those of the list.
 *
 * @throws {WatchpostError} streams_full, header_invalid, query_invalid.
 */
export const alertStream = ({ config, database, log, stopping }: Services): Handler<Served> => {
  const listener = new AlertListener(database, log);
  const open = new OpenStreams(
    config.streams ?? limits.streams.max,
    config.streamsPerKey ?? limits.streamsPerKey.max,
  );
  return async (c) => {
    const wanted = readQuery(c, alertFilter);
    const last = c.req.header('last-event-id');
    if (last !== undefined && !(await isPosition(database, last))) {
      throw new WatchpostError('header_invalid', 'Last-Event-ID is not the id of an event of this stream.');
    }
    if (stopping?.aborted) throw new WatchpostError('streams_full', 'The server is stopping.');
    // HEAD comes here as GET does, and nobody would ever read or end its stream.
    if (c.req.raw.method === 'HEAD') return c.body(null, 200, { 'content-type': 'text/event-stream' });
    const close = open.add(c.get('caller'));
    const sleep = new Sleep();
    const unsubscribe = listener.subscribe(() => sleep.end());
    const leave = () => sleep.end();
    stopping?.addEventListener('abort', leave);
    const end = () => {
      close();
      unsubscribe();
      stopping?.removeEventListener('abort', leave);
    };
    try {
      const alerts =
        last === undefined
          ? await NewAlerts.fromNow(database.db, wanted)
          : NewAlerts.after(database.db, wanted, last);
      return streamSSE(c, async (stream) => {
        stream.onAbort(leave);
        const goesOn = () => !stream.aborted && !stream.closed && !stopping?.aborted;
        try {
          await follow(stream, alerts, {
            goesOn,
            sleep,
            allowed: () => isAllowed(database, c.get('caller')),
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
  { goesOn, sleep, allowed }: { goesOn: () => boolean; sleep: Sleep; allowed: () => Promise<boolean> },
): Promise<void> => {
  let beatAt = 0;
  while (goesOn()) {
    let pause = heartbeatEvery;
    try {
      const found = await alerts.next();
      for (const { alert, position } of found) {
        const event = alert.retroactive ? 'alert.retroactive' : 'alert.raised';
        await stream.writeSSE({ event, id: position, data: JSON.stringify(alert) });
        if (!goesOn()) return;
      }
      if (found.length > 0) continue;
      if (Date.now() >= beatAt) {
        if (!(await allowed())) return;
        // With the position, so that a stream that is quiet for a day does not go back to where it began.
        await stream.write(`: heartbeat\nid: ${alerts.position}\n\n`);
        beatAt = Date.now() + heartbeatEvery;
      }
    } catch (error) {
      if (!isDatabaseAway(error)) throw error;
      pause = patience;
    }
    await sleep.atMost(Math.max(Math.min(pause, beatAt - Date.now()), patience));
  }
};

/** Counts the streams of each API key. */
class OpenStreams {
  readonly #most: number;
  readonly #mostOfOne: number;
  readonly #ofKey = new Map<string, number>();

  constructor(most: number, mostOfOne: number) {
    this.#most = most;
    this.#mostOfOne = mostOfOne;
  }

  /**
   * Counts one more, until the function that is returned is called.
   *
   * @throws {WatchpostError} streams_full.
   */
  add(caller: string): () => void {
    const all = [...this.#ofKey.values()].reduce((sum, streams) => sum + streams, 0);
    const own = this.#ofKey.get(caller) ?? 0;
    if (all >= this.#most || own >= this.#mostOfOne) {
      const whose = own >= this.#mostOfOne ? `${own} streams of this API key` : `${all} streams of alerts`;
      throw new WatchpostError('streams_full', `${whose} are open; try again later.`);
    }
    this.#ofKey.set(caller, own + 1);
    return () => {
      const left = (this.#ofKey.get(caller) ?? 0) - 1;
      if (left > 0) this.#ofKey.set(caller, left);
      else this.#ofKey.delete(caller);
    };
  }
}

/** Whether a header is a position that the database can read. */
const isPosition = async ({ pool }: Database, text: string): Promise<boolean> => {
  if (!/^[\d:,]{1,4000}$/.test(text)) return false;
  const { rows } = await pool.query<{ good: boolean }>(
    `select pg_input_is_valid($1, 'pg_snapshot') as good`,
    [text],
  );
  return rows[0]?.good ?? false;
};

/** Whether the key that opened a stream still holds. */
const isAllowed = async ({ db }: Database, caller: string): Promise<boolean> =>
  (await db
    .selectFrom('watchpost.api_key')
    .select('id')
    .where('name', '=', caller)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()) !== undefined;

/** A sleep that somebody may end, also before it has begun. */
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
