/** How much of something is done: a bar on a terminal, a line every tenth elsewhere. */
export class Progress {
  readonly #out: NodeJS.WriteStream;
  readonly #what: string;
  readonly #total: number;
  #done = 0;
  #told = 0;

  constructor(out: NodeJS.WriteStream, what: string, total: number) {
    this.#out = out;
    this.#what = what;
    this.#total = total;
  }

  /** One more is done. */
  step(): void {
    this.#done += 1;
    if (this.#out.isTTY) this.#out.write(`\r${this.#bar()} ${this.#figures()}`);
    else if (this.#done - this.#told >= this.#total / 10 || this.#done === this.#total) {
      this.#told = this.#done;
      this.#out.write(`${this.#figures()}\n`);
    }
  }

  /** Leaves the bar's line. */
  end(): void {
    if (this.#out.isTTY && this.#done > 0) this.#out.write('\n');
  }

  #bar(): string {
    const width = 30;
    const full = Math.round((width * this.#done) / Math.max(this.#total, 1));
    return `${'█'.repeat(full)}${'░'.repeat(width - full)}`;
  }

  #figures(): string {
    return `${this.#done} of ${this.#total} ${this.#what}`;
  }
}
