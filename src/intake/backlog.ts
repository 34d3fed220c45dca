import type { Database } from '../database/pool.ts';
import { WatchpostError } from '../errors.ts';

/** Most photos that may wait to be processed: in all, and of one API key. */
export interface BacklogLimits {
  readonly maxBacklog: number;
  readonly maxBacklogPerKey: number;
}

/** How long a count is used, in ms. What this process submits meanwhile is added to it. */
const countFor = 500;

/** Refuses photos while too many wait, so that callers slow down before the disk is full. */
export class Backlog {
  readonly #database: Database;
  readonly #limits: BacklogLimits;
  #latest = new Map<string, number>();
  #countedAt = 0;
  #counting: Promise<void> | undefined;

  constructor(database: Database, limits: BacklogLimits) {
    this.#database = database;
    this.#limits = limits;
  }

  /**
   * Refuses one more photo of a submitter, or of anybody, while too many wait.
   *
   * @param submitter as in `image.submitted_by`.
   * @param mostOfIts limit of its API key; null: that of the settings.
   * @throws {WatchpostError} backlog_full.
   */
  async assertRoom(submitter: string, mostOfIts: number | null = null): Promise<void> {
    const counts = await this.#counted();
    const own = counts.get(submitter) ?? 0;
    const all = [...counts.values()].reduce((sum, images) => sum + images, 0);
    if (own >= (mostOfIts ?? this.#limits.maxBacklogPerKey)) {
      const setBy =
        mostOfIts === null ? 'WATCHPOST_MAX_BACKLOG_PER_KEY sets the limit' : 'The key has this limit';
      throw new WatchpostError(
        'backlog_full',
        `${own} photos of this API key are waiting; try again later.`,
        { hint: `${setBy}; more workers shorten the wait.` },
      );
    }
    if (all >= this.#limits.maxBacklog) {
      throw new WatchpostError('backlog_full', `${all} photos are waiting; try again later.`, {
        hint: 'WATCHPOST_MAX_BACKLOG sets the limit; more workers shorten the wait.',
      });
    }
  }

  /** Counts a photo that was submitted since the last count. */
  entered(submitter: string): void {
    this.#latest.set(submitter, (this.#latest.get(submitter) ?? 0) + 1);
  }

  async #counted(): Promise<Map<string, number>> {
    if (Date.now() - this.#countedAt >= countFor) {
      this.#counting ??= this.#count().finally(() => {
        this.#counting = undefined;
      });
      await this.#counting;
    }
    return this.#latest;
  }

  async #count(): Promise<void> {
    const rows = await this.#database.db
      .selectFrom('watchpost.backlog')
      .select(['submitted_by', 'images'])
      .execute();
    this.#latest = new Map(rows.map((row) => [row.submitted_by ?? '', row.images ?? 0]));
    this.#countedAt = Date.now();
  }
}
