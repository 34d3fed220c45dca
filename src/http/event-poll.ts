import type { Database } from '../database/pool.ts';

/** Milliseconds between two looks. */
const pollEvery = 250;

/**
 * Wakes any number of subscribers when there are new events, with four queries a second for all of them, and none while nobody
 * is subscribed. Nothing notifies of events: each commit that does takes its turn behind one lock of the database, which
 * the pipeline would pay for.
 */
export class EventPoll {
  readonly #database: Database;
  readonly #subscribers = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  /** All that this snapshot shows was looked at. */
  #seen: string | null = null;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Calls `wake` whenever there are new events, until the function that is returned is called. */
  subscribe(wake: () => void): () => void {
    this.#subscribers.add(wake);
    this.#schedule();
    return () => {
      if (!this.#subscribers.delete(wake) || this.#subscribers.size > 0) return;
      clearTimeout(this.#timer);
      this.#timer = undefined;
    };
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      void this.#look().finally(() => {
        this.#timer = undefined;
        if (this.#subscribers.size > 0) this.#schedule();
      });
    }, pollEvery).unref();
  }

  async #look(): Promise<void> {
    let isNew = true;
    try {
      const { rows } = await this.#database.pool.query<{ seen: string; is_new: boolean }>(
        'select seen, is_new from watchpost.look_for_events($1)',
        [this.#seen],
      );
      const [row] = rows as [(typeof rows)[number]];
      [this.#seen, isNew] = [row.seen, row.is_new];
    } catch {
      // Subscribers look for themselves, and deal with a database that is away.
    }
    if (isNew) for (const wake of this.#subscribers) wake();
  }
}
