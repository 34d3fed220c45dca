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

  /** One more is done, or several. */
  step(by = 1): void {
    this.reach(this.#done + by);
  }

  /** So many are done. */
  reach(done: number): void {
    if (done === this.#done) return;
    this.#done = done;
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

/**
 * Shows what a command is doing while it starts: on a terminal one line for each step, with the seconds so far and then those
 * that it took; elsewhere a line when it begins.
 */
export class StartProgress {
  readonly #out: Output;
  #step: { readonly name: string; readonly takes: string; readonly since: number } | undefined;
  #clock: NodeJS.Timeout | undefined;

  constructor(out: Output) {
    this.#out = out;
  }

  /**
   * The next step begins, and the one before has ended.
   *
   * @param takes how long it may take, in words.
   */
  begin(name: string, takes: string): void {
    this.end();
    this.#step = { name, takes, since: performance.now() };
    if (!this.#out.isTTY) this.#out.write(`${name} (${takes}) …\n`);
    else {
      this.#draw();
      this.#clock = setInterval(() => this.#draw(), 500).unref();
    }
  }

  /** The last step has ended, or failed. */
  end(): void {
    clearInterval(this.#clock);
    if (this.#step && this.#out.isTTY) this.#out.write(`\r${this.#step.name}: ${this.#seconds()} s\x1b[K\n`);
    this.#step = undefined;
  }

  #draw(): void {
    const { name, takes } = this.#step!;
    this.#out.write(`\r${name} … ${this.#seconds()} s (${takes})\x1b[K`);
  }

  #seconds(): string {
    return ((performance.now() - this.#step!.since) / 1000).toFixed(1);
  }
}
