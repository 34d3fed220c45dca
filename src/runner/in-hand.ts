import type { Batch, Claims } from '../broker/claims.ts';

/** The claims that a process is handling, or is about to handle. */
export class InHand {
  readonly #claims: Claims;
  readonly #known = new Set<string>();
  readonly #failed = new Set<string>();
  #epoch = 0;

  constructor(claims: Claims) {
    this.#claims = claims;
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

  /** Its handling was begun and could not be recorded: the claim is to be released. */
  failed({ claim }: Batch): void {
    if (this.#known.delete(claim)) this.#failed.add(claim);
  }

  /** Drops everything: the database is not the one that it was claimed in. */
  drop(): void {
    this.#epoch++;
    this.#known.clear();
    this.#failed.clear();
  }

  /**
   * Lets other workers have the claims of this one that failed, which uses up an attempt, and those that it does not know
   * of, which does not: their answer never came, so they were never begun. A claim that waited for a lock may be made long
   * after its connection was cut, so this is done even if no failure was seen here.
   */
  async releaseOthers(): Promise<void> {
    const failed = [...this.#failed];
    if (failed.length > 0) {
      await this.#claims.release(failed);
      for (const claim of failed) this.#failed.delete(claim);
    }
    await this.#claims.handBackUnanswered([...this.#known, ...this.#failed]);
  }
}
