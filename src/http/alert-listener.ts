import type pg from 'pg';
import { connectionSettings, type Database } from '../database/pool.ts';
import { prepareSession } from '../database/session.ts';
import { WatchedClient } from '../database/watched-client.ts';
import type { Log } from '../log.ts';

/** Milliseconds between polls. A connection can die unnoticed; then an alert is found this much later. */
const pollEvery = 5_000;

/** Milliseconds before the first attempt to listen again, and the most before a later one. */
const pauses = { first: 250, longest: 5_000 };

/**
 * Wakes any number of subscribers when there may be new alerts, with one connection to the database. Its states:
 *
 *   idle          no subscribers: no connection, no timer.
 *   listening     LISTEN watchpost_alert; each notification wakes all subscribers.
 *   disconnected  the connection is lost: connects again, with growing pauses.
 *
 * Notifications only save time. Unless idle, all subscribers are also woken every 5 s, so a lost notification delays an
 * alert and loses none.
 */
export class AlertListener {
  readonly #database: Database;
  readonly #log: Log;
  readonly #subscribers = new Set<() => void>();
  #client: pg.Client | undefined;
  #poll: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #pause = pauses.first;

  constructor(database: Database, log: Log) {
    this.#database = database;
    this.#log = log;
  }

  /** Calls `wake` whenever there may be new alerts, until the function that is returned is called. */
  subscribe(wake: () => void): () => void {
    this.#subscribers.add(wake);
    if (this.#subscribers.size === 1) {
      this.#poll = setInterval(() => this.#wakeAll(), pollEvery).unref();
      void this.#listen();
    }
    return () => {
      if (!this.#subscribers.delete(wake) || this.#subscribers.size > 0) return;
      clearInterval(this.#poll);
      clearTimeout(this.#retry);
      const client = this.#client;
      this.#client = undefined;
      void client?.end().catch(() => {});
    };
  }

  #wakeAll(): void {
    for (const wake of this.#subscribers) wake();
  }

  async #listen(): Promise<void> {
    const { url } = this.#database;
    const client = new WatchedClient({ ...connectionSettings(url), application_name: 'watchpost alerts' });
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
      await prepareSession(client, { url, readOnly: true });
      await client.query('listen watchpost_alert');
      this.#pause = pauses.first;
      // For alerts that were raised before it listened.
      this.#wakeAll();
    } catch (error) {
      lost(error);
    }
  }
}
