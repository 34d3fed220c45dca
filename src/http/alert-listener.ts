import pg from 'pg';
import type { Database } from '../database/pool.ts';
import type { Log } from '../log.ts';

/** How long new alerts go unnoticed if the connection that listens has died without a word, in ms. */
const pollEvery = 5_000;

/** Milliseconds before the first and before later attempts to listen again. */
const pauses = { first: 250, longest: 5_000 };

/**
 * Tells any number of streams that there may be new alerts, with one connection. Its states:
 *
 *   idle       nobody wants to know: no connection, no timer.
 *   listening  LISTEN watchpost_alert; every notification wakes all.
 *   deaf       the connection is lost: tries again, longer from time to time.
 *
 * A notification is a hint only. In either of the last two states all are woken every 5 s besides, so an alert is late
 * at worst.
 */
export class AlertListener {
  readonly #database: Database;
  readonly #log: Log;
  readonly #sleepers = new Set<() => void>();
  #client: pg.Client | undefined;
  #poll: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #pause = pauses.first;

  constructor(database: Database, log: Log) {
    this.#database = database;
    this.#log = log;
  }

  /** Calls `wake` whenever there may be new alerts; returns how to end that. */
  subscribe(wake: () => void): () => void {
    this.#sleepers.add(wake);
    if (this.#sleepers.size === 1) {
      this.#poll = setInterval(() => this.#wakeAll(), pollEvery).unref();
      void this.#listen();
    }
    return () => {
      if (!this.#sleepers.delete(wake) || this.#sleepers.size > 0) return;
      clearInterval(this.#poll);
      clearTimeout(this.#retry);
      const client = this.#client;
      this.#client = undefined;
      void client?.end().catch(() => {});
    };
  }

  #wakeAll(): void {
    for (const wake of this.#sleepers) wake();
  }

  async #listen(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#database.url,
      application_name: 'watchpost alerts',
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
    });
    this.#client = client;
    const lost = (reason: unknown) => {
      if (this.#client !== client) return;
      this.#client = undefined;
      void client.end().catch(() => {});
      this.#log.debug({ reason: String(reason) }, 'not listening for alerts; trying again');
      this.#retry = setTimeout(() => void this.#listen(), this.#pause).unref();
      this.#pause = Math.min(this.#pause * 2, pauses.longest);
    };
    client.on('error', lost);
    client.on('end', () => lost('the connection ended'));
    client.on('notification', () => this.#wakeAll());
    try {
      await client.connect();
      await client.query('listen watchpost_alert');
      this.#pause = pauses.first;
      // What came while nobody listened.
      this.#wakeAll();
    } catch (error) {
      lost(error);
    }
  }
}
