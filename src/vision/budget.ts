/** Shares an amount among those who ask for some of it: whoever does not fit waits, in the order of asking. */
export class Budget {
  #free: number;
  readonly #all: number;
  readonly #waiting: { readonly amount: number; go(): void }[] = [];

  /** @param all what there is to share. */
  constructor(all: number) {
    this.#all = all;
    this.#free = all;
  }

  /**
   * Waits until `amount` is free and takes it.
   *
   * @param amount 0 never waits; more than there is waits until all is free, and so is alone.
   * @returns what gives it back; to be called once.
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
