import type { Batch, Claims } from '../broker/claims.ts';

/** The claims that a process is handling, or is about to handle. */
export class InHand {
  readonly #claims: Claims;
  readonly #answeredWithinMs: number;
  readonly #known = new Set<string>();
  #epoch = 0;

  /** @param answeredWithinMs a claim that is older and not known here was never answered, or its batch failed as a whole. */
  constructor(claims: Claims, answeredWithinMs: number) {
    this.#claims = claims;
    this.#answeredWithinMs = answeredWithinMs;
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

  /** Drops everything, because the claims were made on a server of another timeline. */
  drop(): void {
    this.#epoch++;
    this.#known.clear();
  }

  /**
   * Releases claims of this worker that are not listed here. Called all the time and not only after a failure, because a
   * claim that waited for a lock may be made long after its connection was cut.
   */
  async releaseOthers(): Promise<void> {
    await this.#claims.release(this.#answeredWithinMs, [...this.#known]);
  }
}
