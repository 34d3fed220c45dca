import type { Context } from 'hono';
import { type SSEMessage, type SSEStreamingApi, streamSSE } from 'hono/streaming';
import { isDatabaseAway } from '../database-errors.ts';
import { WatchpostError } from '../errors.ts';
import { limits } from '../limits.ts';
import { isPosition, type NewRows } from '../watchlist/new-rows.ts';
import type { Key } from './key.ts';
import { OpenStreams } from './open-streams.ts';
import type { Served, Services } from './services.ts';

/** Milliseconds between heartbeats: proxies cut off a stream that is silent, many after 60 s. */
const heartbeatEvery = 15_000;

/** Milliseconds after which a key is looked up again: it may have been revoked. */
const trustFor = 5_000;

/** Milliseconds before the next query while the database is away. */
const retryAfter = 2_000;

/** The rows that a stream sends, and how. */
export interface Sending<Row extends { readonly id: string; readonly xid: string }> {
  /** Begins after the position that the caller has sent as Last-Event-ID; undefined: it sent none. */
  begin(position: string | undefined): Promise<NewRows<Row>>;
  /** Calls `wake` whenever there may be new rows, until the function that is returned is called. */
  subscribe(wake: () => void): () => void;
  /** What is sent of a row, without its id, which is the position after it. */
  messageOf(row: Row): Omit<SSEMessage, 'id'>;
}

/**
 * Answers with rows of a table as they appear, as server-sent events: one for all streams of an API process, which it
 * counts. A client that was cut off resumes with `Last-Event-ID`: it misses no row, and gets none twice.
 *
 * A client that reads slower than rows appear delays only itself: the next page of rows is read when the one before was
 * taken. A stream ends when its key is not valid any more, and when the server stops.
 */
export class RowStreams {
  readonly #stopping: AbortSignal | undefined;
  readonly #open: OpenStreams;

  constructor({ config, database, stopping, workerId }: Services) {
    this.#stopping = stopping;
    this.#open = new OpenStreams(database, workerId, {
      most: config.streams ?? limits.streams.max,
      mostOfKey: config.streamsPerKey ?? limits.streamsPerKey.max,
    });
  }

  /** @throws {WatchpostError} streams_full, header_invalid, and what `begin` throws. */
  async answer<Row extends { readonly id: string; readonly xid: string }>(
    c: Context<Served>,
    { begin, subscribe, messageOf }: Sending<Row>,
  ): Promise<Response> {
    const stopping = this.#stopping;
    const last = c.req.header('last-event-id');
    if (last !== undefined && !(await isPosition(c.get('db'), last))) {
      throw new WatchpostError('header_invalid', 'Last-Event-ID is not the id of an event of this stream.');
    }
    if (stopping?.aborted) throw new WatchpostError('streams_full', 'The server is stopping.');
    // Hono answers HEAD by the route of GET. A stream would stay open, because it is never read.
    if (c.req.raw.method === 'HEAD') return c.body(null, 200, { 'content-type': 'text/event-stream' });
    const key = c.get('key');
    const close = await this.#open.add(key);
    const sleep = new Sleep();
    const wake = () => sleep.end();
    const unsubscribe = subscribe(wake);
    stopping?.addEventListener('abort', wake);
    const end = () => {
      close();
      unsubscribe();
      stopping?.removeEventListener('abort', wake);
    };
    try {
      const rows = await begin(last);
      return streamSSE(c, async (stream) => {
        stream.onAbort(wake);
        const isOpen = () => !stream.aborted && !stream.closed && !stopping?.aborted;
        await follow(stream, rows, messageOf, { isOpen, sleep, isAllowed: trusted(key) }).finally(end);
      });
    } catch (error) {
      end();
      throw error;
    }
  }
}

/** Whether a key is valid, asked at most every five seconds. */
const trusted = (key: Key): (() => Promise<boolean>) => {
  let until = Date.now() + trustFor;
  return async () => {
    if (Date.now() < until) return true;
    const isValid = await key.isStillValid();
    until = Date.now() + trustFor;
    return isValid;
  };
};

interface Following {
  readonly isOpen: () => boolean;
  readonly sleep: Sleep;
  readonly isAllowed: () => Promise<boolean>;
}

const follow = async <Row extends { readonly id: string; readonly xid: string }>(
  stream: SSEStreamingApi,
  rows: NewRows<Row>,
  messageOf: Sending<Row>['messageOf'],
  { isOpen, sleep, isAllowed }: Following,
): Promise<void> => {
  let beatAt = 0;
  while (isOpen()) {
    let pause = trustFor;
    try {
      if (!(await isAllowed())) return;
      const found = await rows.next();
      for (const { row, position } of found) {
        // A reader may take its time, in which the key was revoked.
        if (!(await isAllowed()) || !isOpen()) return;
        await stream.writeSSE({ ...messageOf(row), id: position });
      }
      if (found.length > 0) continue;
      if (Date.now() >= beatAt) {
        // With the position: a client that resumes after a quiet day does not start over from the first one.
        await stream.write(`: heartbeat\nid: ${rows.position}\n\n`);
        beatAt = Date.now() + heartbeatEvery;
      }
    } catch (error) {
      if (!isDatabaseAway(error)) throw error;
      pause = retryAfter;
    }
    await sleep.atMost(Math.max(Math.min(pause, beatAt - Date.now()), retryAfter));
  }
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
