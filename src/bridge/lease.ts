import { sql } from 'kysely';
import type { Database } from '../database/pool.ts';
import type { Bridge } from './bridge.ts';

/** What is noted of a bridge now and then. */
interface Note {
  readonly connected: boolean;
  readonly error?: string | null;
}

/** The right to do the work of a bridge, which ends unless it is renewed. */
export class Lease {
  readonly #database: Database;
  readonly #bridge: string;
  readonly #process: string;
  #until = 0;
  #received = 0;
  #refused = 0;
  #connected = false;

  constructor(database: Database, bridge: string, process: string) {
    this.#database = database;
    this.#bridge = bridge;
    this.#process = process;
  }

  /** @param until by performance.now(), taken before the database was asked. */
  renew(until: number): void {
    this.#until = until;
  }

  isHeld(): boolean {
    return performance.now() < this.#until;
  }

  /** Writes the position behind what was published. False: the lease is lost. */
  async published(position: string, messages: number): Promise<boolean> {
    const { rows } = await sql<{ held: boolean }>`
      select watchpost.note_published(${this.#bridge}, ${this.#process}, ${position}, ${messages}) as held
    `.execute(this.#database.db);
    return rows[0]?.held ?? false;
  }

  /** Counts a message that was handled. */
  received(isRefused: boolean): void {
    this.#received += 1;
    if (isRefused) this.#refused += 1;
  }

  /** Writes the state of the connection, and the counts since the last time; nothing if nothing has changed. */
  async note({ connected, error = null }: Note): Promise<void> {
    const [received, refused] = [this.#received, this.#refused];
    if (received === 0 && error === null && connected === this.#connected) return;
    this.#connected = connected;
    await sql`
      select watchpost.note_bridge(${this.#bridge}, ${this.#process}, ${connected}, ${received}, ${refused}, ${error})
    `.execute(this.#database.db);
    this.#received -= received;
    this.#refused -= refused;
  }

  /** Writes the counts while the connection stays as it is. */
  flush(): Promise<void> {
    return this.note({ connected: this.#connected });
  }

  async release(): Promise<void> {
    await sql`select watchpost.release_bridge(${this.#bridge}, ${this.#process})`.execute(this.#database.db);
  }
}

/** Takes or renews the leases of all enabled bridges that no other process has. */
export const holdBridges = async ({ db }: Database, process: string, seconds: number): Promise<Bridge[]> => {
  const { rows } = await sql<Bridge>`
    select * from watchpost.hold_bridges(${process}, make_interval(secs => ${seconds}))
  `.execute(db);
  return rows;
};
