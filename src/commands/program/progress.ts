import type { Output } from './io.ts';

/**
 * Shows how much of something is done, how many a second and the time left: a bar on a terminal, a line every tenth
 * elsewhere.
 */
export class Progress {
  readonly #out: Output;
  readonly #what: string;
  readonly #total: number;
  readonly #since = performance.now();
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
    if (this.#out.isTTY) this.#out.write(`\r${this.#bar()} ${this.#figures()}\x1b[K`);
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
    return `${this.#done} of ${this.#total} ${this.#what}${paceOf(this.#done, this.#total, performance.now() - this.#since)}`;
  }
}

/**
 * The rate so far and the time that is left at this rate, in words: `, 12.5/s, 1 min 40 s left`. Empty before two seconds have
 * passed, when it would say little.
 */
export const paceOf = (done: number, total: number, elapsedMs: number): string => {
  if (elapsedMs < 2_000 || done === 0) return '';
  const perSecond = (done * 1000) / elapsedMs;
  const rate = perSecond >= 100 ? perSecond.toFixed(0) : String(Number(perSecond.toPrecision(2)));
  const left = done < total ? `, ${inWords((total - done) / perSecond)} left` : '';
  return `, ${rate}/s${left}`;
};

/** Seconds as 8 s, 1 min 40 s or 2 h 5 min. */
const inWords = (seconds: number): string => {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60
    ? `${minutes} min ${whole % 60} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
};

/**
 * Shows the progress of photos through several steps: a line that is overwritten on a terminal; elsewhere one line for
 * each step, when all of its photos are done.
 */
export const showSteps = (out: Output) => {
  let now: { step: string; since: number } | undefined;
  return (step: string, done: number, of: number): void => {
    if (now?.step !== step) now = { step, since: performance.now() };
    const pace = paceOf(done, of, performance.now() - now.since);
    if (out.isTTY) out.write(`\r${step}: ${done} of ${of} photos${pace}\x1b[K`);
    else if (of > 0 && done === of) out.write(`${step}: ${of} photos${pace}\n`);
  };
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
