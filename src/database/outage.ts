import { describeAway } from '../database-errors.ts';
import { hideSecrets } from '../database-url.ts';
import type { Log } from '../log.ts';

/** Milliseconds for which the database must not be reached before that is an outage; one cut connection is none. */
const doubtFor = 750;

/**
 * Whether the database is away, as the parts of one process report it. An outage is logged once when it begins and once
 * when it is over. Its states:
 *
 *   there     the last report was of success.
 *   doubted   a query could not reach it. That may be one broken connection, so nothing is logged yet.
 *   away      a query could still not reach it, `doubtFor` later.
 *
 * A report of success leads back to `there` from both.
 */
export class Outage {
  readonly #log: Log;
  #since: number | undefined;
  #logged = false;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Whether it is away. */
  get away(): boolean {
    return this.#logged;
  }

  /** Reports that the database could not be reached. */
  noticed(reason: unknown): void {
    this.#since ??= Date.now();
    if (this.#logged || Date.now() - this.#since < doubtFor) return;
    this.#logged = true;
    this.#log.warn({ reason: hideSecrets(String(reason)) }, describeAway(reason));
  }

  /** Reports that it was reached. */
  over(): void {
    if (this.#logged) {
      this.#log.info({ seconds: (Date.now() - (this.#since ?? 0)) / 1000 }, 'the database is back');
    }
    this.#since = undefined;
    this.#logged = false;
  }
}
