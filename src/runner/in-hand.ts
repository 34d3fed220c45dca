import type { Batch, Claims } from '../broker/claims.ts';

/** The events that a process has claimed and not handled yet. */
export class InHand {
  readonly #claims: Claims;
  readonly #doubtForMs: number;
  readonly #events = new Map<string, number>();
  #epoch = 0;
  #doubtedAt: number | undefined;

  /** @param doubtForMs how long after a failure an answer may still be under way. */
  constructor(claims: Claims, doubtForMs: number) {
    this.#claims = claims;
    this.#doubtForMs = doubtForMs;
  }

  /** Changes when what was in hand was dropped. */
  get epoch(): number {
    return this.#epoch;
  }

  add(batches: readonly Batch[]): void {
    for (const { items } of batches) {
      for (const { event_id } of items) this.#events.set(event_id, (this.#events.get(event_id) ?? 0) + 1);
    }
  }

  remove({ items }: Batch): void {
    for (const { event_id } of items) {
      const left = (this.#events.get(event_id) ?? 1) - 1;
      if (left > 0) this.#events.set(event_id, left);
      else this.#events.delete(event_id);
    }
  }

  /** An answer did not come: the database may hold claims for this worker that it does not know of. */
  doubt(): void {
    this.#doubtedAt = performance.now();
  }

  /** Drops everything: the database is not the one that it was claimed in. */
  drop(): void {
    this.#epoch++;
    this.#events.clear();
    this.doubt();
  }

  /** Releases claims that this process does not know of, once no answer with them can be under way any more. */
  async releaseOthers(): Promise<void> {
    if (this.#doubtedAt === undefined || performance.now() - this.#doubtedAt < this.#doubtForMs) return;
    const doubted = this.#doubtedAt;
    await this.#claims.release(this.#doubtForMs, [...this.#events.keys()]);
    if (this.#doubtedAt === doubted) this.#doubtedAt = undefined;
  }
}
