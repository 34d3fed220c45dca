/** Shares an amount among callers; a call that does not fit waits, in the order of calls. */
export class Budget {
  #free: number;
  readonly #all: number;
  readonly #waiting: { readonly amount: number; go(): void }[] = [];

  /** @param all the total amount. */
  constructor(all: number) {
    this.#all = all;
    this.#free = all;
  }

  /**
   * Waits until `amount` is free and takes it.
   *
   * @param amount 0 never waits. An amount larger than the total waits until everything is free, and so runs alone.
   * @returns a function that gives it back, to be called once.
   */
  async take(amount: number): Promise<() => void> {
    const share = Math.min(amount, this.#all);
    if (share === 0) return () => {};
    if (this.#waiting.length > 0 || share > this.#free) {
      await new Promise<void>((go) => this.#waiting.push({ amount: share, go }));
    } else this.#free -= share;
    return () => {
      this.#free += share;
      this.#next();
    };
  }

  #next(): void {
    for (let first = this.#waiting[0]; first && first.amount <= this.#free; first = this.#waiting[0]) {
      this.#free -= first.amount;
      this.#waiting.shift();
      first.go();
    }
  }
}
