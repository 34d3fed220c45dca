import type { Database } from '../database/pool.ts';
import { WatchpostError } from '../errors.ts';
import type { Key } from './key.ts';

/**
 * Counts streams: those of this process in memory, those of each key in the database, so that all API processes agree. What a
 * process has left behind that died does not count: see watchpost.open_stream().
 */
export class OpenStreams {
  readonly #database: Database;
  readonly #workerId: string;
  readonly #most: number;
  readonly #mostOfKey: number;
  #open = 0;
  /** Closed, and still counted in the database. */
  readonly #closed = new Set<string>();

  /**
   * @param most of this process.
   * @param mostOfKey unless the key has its own limit.
   */
  constructor(database: Database, workerId: string, limits: { most: number; mostOfKey: number }) {
    this.#database = database;
    this.#workerId = workerId;
    this.#most = limits.most;
    this.#mostOfKey = limits.mostOfKey;
  }

  /**
   * Counts one more, until the function that is returned is called.
   *
   * @throws {WatchpostError} streams_full.
   */
  async add(key: Key): Promise<() => void> {
    if (this.#open >= this.#most) throw full(`${this.#open} streams`);
    this.#open += 1;
    try {
      if (this.#closed.size > 0) await this.#uncount();
      const { rows } = await this.#database.pool.query<{ stream_id: string | null; open: number }>(
        'select stream_id, open from watchpost.open_stream($1, $2, $3)',
        [key.id, this.#workerId, this.#mostOfKey],
      );
      const { stream_id, open } = rows[0] as (typeof rows)[number];
      if (stream_id === null) throw full(`${open} streams of this API key`);
      return () => this.#close(stream_id);
    } catch (error) {
      this.#open -= 1;
      throw error;
    }
  }

  #close(id: string): void {
    this.#open -= 1;
    this.#closed.add(id);
    // While the database is away it stays counted there, until the next stream of this process or its end.
    this.#uncount().catch(() => {});
  }

  async #uncount(): Promise<void> {
    const ids = [...this.#closed];
    await this.#database.pool.query('select watchpost.close_streams($1)', [ids]);
    for (const id of ids) this.#closed.delete(id);
  }
}

const full = (whose: string) => new WatchpostError('streams_full', `${whose} are open; try again later.`);
