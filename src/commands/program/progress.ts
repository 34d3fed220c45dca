import type { Output } from './io.ts';

/** Shows how much of something is done: a bar on a terminal, a line every tenth elsewhere. */
export class Progress {
  readonly #out: Output;
  readonly #what: string;
  readonly #total: number;
  #done = 0;
  /** How many were done when the last line was written. */
  #written = 0;

  constructor(out: Output, what: string, total: number) {
    this.#out = out;
    this.#what = what;
    this.#total = total;
  }

  /** One more is done, or so many. */
  step(count = 1): void {
    this.#done += count;
    if (this.#out.isTTY) this.#out.write(`\r${this.#bar()} ${this.#figures()}`);
    else if (this.#done - this.#written >= this.#total / 10 || this.#done === this.#total) {
      this.#written = this.#done;
      this.#out.write(`${this.#figures()}\n`);
    }
  }

  /** Ends the line of the bar. */
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

/**
 * Shows the progress of photos through several steps: a line that is overwritten on a terminal; elsewhere one line for
 * each step, when all of its photos are done.
 */
export const showSteps =
  (out: Output) =>
  (step: string, done: number, of: number): void => {
    if (out.isTTY) out.write(`\r${step}: ${done} of ${of} photos\x1b[K`);
    else if (of > 0 && done === of) out.write(`${step}: ${of} photos\n`);
  };
