import type { Database } from '../database/pool.ts';
import { isDatabaseAway } from '../database-errors.ts';
import type { Log } from '../log.ts';

/** Why a key was refused. */
type Refusal = 'missing' | 'unknown' | 'revoked' | 'expired' | 'replaced';

/** Milliseconds between two events: doubled each time from the first to the longest, and back when calls cease that long. */
const pauses = { first: 60_000, longest: 3_600_000 };

/**
 * Counts calls without a key, and with one that is not valid, and writes them to the record: the first one at once, those that
 * follow after a minute, then two, then four, then at most once an hour: whoever tries keys for a year adds 9,000 events.
 * What was sent as a key is kept nowhere.
 */
export class RefusedKeys {
  readonly #database: Database;
  readonly #workerId: string;
  readonly #log: Log;
  #counts: Partial<Record<Refusal, number>> = {};
  /** Names of keys that were valid once. */
  readonly #names = new Set<string>();
  #since = new Date();
  #writtenAt = Number.NEGATIVE_INFINITY;
  #pause = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(database: Database, workerId: string, log: Log) {
    this.#database = database;
    this.#workerId = workerId;
    this.#log = log;
  }

  /** Counts one. */
  note(why: Refusal, name?: string): void {
    if (Object.keys(this.#counts).length === 0) this.#since = new Date();
    this.#counts[why] = (this.#counts[why] ?? 0) + 1;
    if (name !== undefined) this.#names.add(name);
    this.#timer ??= setTimeout(
      () => this.write(),
      Math.max(0, this.#writtenAt + this.#pause - performance.now()),
    ).unref();
  }

  /** Writes what was counted since the last time. If that fails, it is written with the next. */
  write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const [counts, names] = [this.#counts, [...this.#names]];
    if (Object.keys(counts).length === 0) return;
    this.#counts = {};
    this.#names.clear();
    const now = performance.now();
    const isOver = now - this.#writtenAt > 2 * this.#pause;
    this.#pause = isOver ? pauses.first : Math.min(2 * this.#pause, pauses.longest);
    this.#writtenAt = now;
    this.#database.pool
      .query('select watchpost.record_refused_keys($1, $2, $3, $4)', [
        this.#workerId,
        counts,
        names,
        this.#since,
      ])
      .catch((error: unknown) => {
        for (const [why, count] of Object.entries(counts) as [Refusal, number][])
          this.#counts[why] = (this.#counts[why] ?? 0) + count;
        for (const name of names) this.#names.add(name);
        this.#log[isDatabaseAway(error) ? 'debug' : 'warn'](
          { reason: String(error) },
          'no record of refused keys',
        );
      });
  }
}
