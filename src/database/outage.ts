import type { Log } from '../log.ts';

/** A doubt that lasts longer is an outage, in ms; a single connection that was cut is not. */
const doubtFor = 750;

/**
 * Tells once that the database is away and once that it is back, however many parts of a process notice. Its states:
 *
 *   there     nobody complains.
 *   doubted   somebody could not reach it. One connection that breaks is no outage: nothing is told yet.
 *   away      somebody still could not, a moment later: told.
 *
 * Whoever does reach it makes it there again, which is told if it was away.
 */
export class Outage {
  readonly #log: Log;
  #since: number | undefined;
  #told = false;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Whether it is away, as far as anybody here knows. */
  get away(): boolean {
    return this.#told;
  }

  /** Something could not reach the database. */
  noticed(reason: unknown): void {
    this.#since ??= Date.now();
    if (this.#told || Date.now() - this.#since < doubtFor) return;
    this.#told = true;
    this.#log.warn({ reason: String(reason) }, 'the database is away; trying again until it is back');
  }

  /** Something did reach it. */
  over(): void {
    if (this.#told) {
      this.#log.info({ seconds: (Date.now() - (this.#since ?? 0)) / 1000 }, 'the database is back');
    }
    this.#since = undefined;
    this.#told = false;
  }
}
