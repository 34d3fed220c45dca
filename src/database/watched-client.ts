import { createHash } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import pg from 'pg';
import { isGivenUp, readOnlyState } from '../database-errors.ts';
import { ReadOnlyServer } from './unusable-server.ts';

/** What the embedded database reports besides what Postgres does; see src/embedded-database/server.ts. */
const embeddedMark = 'watchpost.embedded';

/** Settings that a server reports at the beginning of a session, and whenever they change. */
const readOnlySettings = ['in_hot_standby', 'default_transaction_read_only'];

/**
 * A connection that prepares frequent statements, and that is closed when it is of no further use:
 *
 * - A query got no answer in time. The server cancels it when it notices that the connection is gone: see `openDatabase`. A socket whose other end has vanished without notice (a pulled cable, a firewall that
 *   forgot the connection) would hold its query forever.
 * - A statement that it has prepared does not fit the schema any more, because a newer version has migrated it.
 * - Its server takes no writes, unless `allowReadOnly()` was called. Postgres 14 and newer report that with the session's
 *   settings, which costs no round trip; with an older server the first refused write shows it.
 *
 * A retry gets a new connection.
 *
 * A statement with parameters that is executed more than twice is prepared: Postgres then parses and plans it once (the
 * write of a match takes 3 ms instead of 8).
 */
export class WatchedClient extends pg.Client {
  readonly #habits = new Habits();
  readonly #readOnly = new Set<string>();
  #refusesReadOnly = true;
  #connected = false;
  /** Of its server, once it is known. */
  timeline: string | undefined;
  /** As the server reports it, like `17.6 (Debian 17.6-1)`. */
  serverVersion = '';
  /** Whether it is the embedded database, whose clients share one session and have pids of their own. */
  embedded = false;

  constructor(config?: string | pg.ClientConfig) {
    super(config);
    const { connection } = this as unknown as { connection: EventEmitter };
    connection.on('parameterStatus', ({ parameterName, parameterValue }) => {
      if (parameterName === 'server_version') this.serverVersion = parameterValue;
      if (parameterName === embeddedMark) this.embedded = true;
      if (!readOnlySettings.includes(parameterName)) return;
      if (parameterValue === 'on') this.#readOnly.add(parameterName);
      else this.#readOnly.delete(parameterName);
      // While it connects, requireWritable() refuses it with the reason.
      if (this.#connected && this.#refusesReadOnly && this.#readOnly.size > 0) this.#cut();
    });
  }

  /**
   * Called once the connection is made.
   *
   * @throws {ReadOnlyServer} if its server takes no writes.
   */
  requireWritable(): void {
    if (this.#readOnly.size > 0) throw new ReadOnlyServer(this.#readOnly.has('in_hot_standby'));
    this.#connected = true;
  }

  /** The process id that the server, or what is before it, gave when the connection was made. */
  get backendPid(): number {
    return (this as unknown as { processID: number }).processID;
  }

  /** Called once the connection is made: it is for reading, and its server may be a replica. */
  allowReadOnly(): void {
    this.#refusesReadOnly = false;
  }

  // biome-ignore lint/suspicious/noExplicitAny: pg's query has nine signatures, all of which pass through.
  override query(...args: any[]): any {
    const [asked, values] = args;
    if (typeof asked === 'string' && Array.isArray(values) && values.length > 0) {
      const name = this.#habits.nameOf(asked);
      if (name) args[0] = { name, text: asked };
    }
    // biome-ignore lint/suspicious/noExplicitAny: as above.
    const answer = (super.query as any)(...args);
    if (typeof answer?.catch === 'function') {
      answer.catch((error: Error) => {
        if (isGivenUp(error) || isStale(error) || this.#refuses(error)) this.#cut();
      });
    }
    return answer;
  }

  #refuses(error: Error & { code?: string }): boolean {
    return this.#refusesReadOnly && error.code === readOnlyState;
  }

  #cut(): void {
    const inner = this as unknown as { _queryable: boolean; connection?: { stream?: { destroy(): void } } };
    // At once, and not when the socket reports its end: until then the pool would hand it out again.
    inner._queryable = false;
    inner.connection?.stream?.destroy();
  }
}

/**
 * Of feature_not_supported, the case that a prepared statement can come to: its plan would return other columns. By the
 * name of the function in Postgres, because the message may be in another language (`lc_messages`).
 */
const isStale = (error: Error & { code?: string; routine?: string }): boolean =>
  error.code === '0A000' && error.routine === 'RevalidateCachedQuery';

/** On one connection: executions of a text before it is prepared, texts prepared at most, and texts counted at most. */
const asksBefore = 2;
const mostPrepared = 100;
const mostCounted = 1000;

/** The texts that a connection executes again and again. */
class Habits {
  readonly #prepared = new Map<string, string>();
  readonly #asked = new Map<string, number>();

  /** The name to prepare a text under; undefined: it was executed too rarely so far, or enough texts are prepared. */
  nameOf(text: string): string | undefined {
    const name = this.#prepared.get(text);
    if (name || this.#prepared.size >= mostPrepared) return name;
    const times = (this.#asked.get(text) ?? 0) + 1;
    if (times <= asksBefore) {
      if (this.#asked.size >= mostCounted) this.#asked.clear();
      this.#asked.set(text, times);
      return undefined;
    }
    this.#asked.delete(text);
    // Postgres cuts names off at 63 bytes. The beginning of the text shows people what it is.
    const begins = text
      .trim()
      .replace(/\s+/g, ' ')
      .replace(/[^\x20-\x7e]/g, '')
      .slice(0, 46);
    const made = `${begins} ${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
    this.#prepared.set(text, made);
    return made;
  }
}
