import type { Database } from '../database/pool.ts';
import { WatchpostError } from '../errors.ts';

/** Calls that the database has handed to this process, until the end of a minute. */
interface Lease {
  left: number;
  /** As performance.now(). */
  readonly until: number;
  /** Whether the key has no calls left in this minute. */
  readonly empty: boolean;
}

/**
 * The rates of keys. The database counts the calls of all API processes, and hands this one some at a time, so that most
 * calls wait for no query: see watchpost.take_calls().
 */
export class CallRate {
  readonly #database: Database;
  readonly #leases = new Map<string, Lease>();
  readonly #asking = new Map<string, Promise<Lease>>();

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Uses up one call of a key.
   *
   * @throws {WatchpostError} rate_limited, with the seconds to wait.
   */
  async take(keyId: string): Promise<void> {
    for (;;) {
      let lease = this.#leases.get(keyId);
      if (!lease || lease.until <= performance.now() || (lease.left <= 0 && !lease.empty)) {
        lease = await this.#ask(keyId);
      }
      if (lease.empty) {
        const seconds = Math.max(1, Math.ceil((lease.until - performance.now()) / 1000));
        throw new WatchpostError(
          'rate_limited',
          `This API key has used up its calls of this minute; the next one begins in ${seconds} s.`,
          { retryAfter: seconds },
        );
      }
      // Of the calls that waited for one lease, some may have to ask for another.
      if (lease.left > 0) {
        lease.left -= 1;
        return;
      }
    }
  }

  /** One question at a time for each key. */
  #ask(keyId: string): Promise<Lease> {
    const asking = this.#asking.get(keyId);
    if (asking) return asking;
    const answer = this.#lease(keyId).finally(() => this.#asking.delete(keyId));
    this.#asking.set(keyId, answer);
    return answer;
  }

  async #lease(keyId: string): Promise<Lease> {
    const { rows } = await this.#database.pool.query<{ granted: number | null; minute_left_ms: number }>(
      'select granted, minute_left_ms from watchpost.take_calls($1)',
      [keyId],
    );
    const { granted, minute_left_ms } = rows[0] as (typeof rows)[number];
    // Null: its rate was taken away, which requireApiKey notices at its next lookup.
    const left = granted ?? Number.POSITIVE_INFINITY;
    const lease = { left, until: performance.now() + minute_left_ms, empty: left === 0 };
    this.#leases.set(keyId, lease);
    return lease;
  }
}
