import type { Batch, Claims } from '../broker/claims.ts';

/** The claims that a process knows of. */
export class InHand {
  readonly #claims: Claims;
  readonly #doubtForMs: number;
  readonly #known = new Set<string>();
  #epoch = 0;
  #doubtedAt: number | undefined;

  /** @param doubtForMs how long after a failure an answer may still be under way. */
  constructor(claims: Claims, doubtForMs: number) {
    this.#claims = claims;
    this.#doubtForMs = doubtForMs;
  }

  /** Changes when everything was dropped. */
  get epoch(): number {
    return this.#epoch;
  }

  add(batches: readonly Batch[]): void {
    for (const { claim } of batches) this.#known.add(claim);
  }

  remove({ claim }: Batch): void {
    this.#known.delete(claim);
  }

  /** An answer did not come: the database may hold claims of this worker that it does not know of. */
  doubt(): void {
    this.#doubtedAt = performance.now();
  }

  /** Drops everything: the database is not the one that it was claimed in. */
  drop(): void {
    this.#epoch++;
    this.#known.clear();
    this.doubt();
  }

  /** Releases claims that this process does not know of, once no answer with them can be under way any more. */
  async releaseOthers(): Promise<void> {
    const doubted = this.#doubtedAt;
    if (doubted === undefined || performance.now() - doubted < this.#doubtForMs) return;
    await this.#claims.release(this.#doubtForMs, [...this.#known]);
    if (this.#doubtedAt === doubted) this.#doubtedAt = undefined;
  }
}
