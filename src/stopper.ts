/** What has to be stopped at the end, last started first. */
export class Stopper {
  readonly #steps: (() => Promise<void>)[] = [];
  #stopping: Promise<void> | undefined;

  /** Registers how to stop what was just started. */
  add(step: () => Promise<void>): void {
    this.#steps.unshift(step);
  }

  /** Stops everything, once. A step that fails does not prevent the others. */
  stop(): Promise<void> {
    this.#stopping ??= (async () => {
      for (const step of this.#steps) await step().catch(() => {});
    })();
    return this.#stopping;
  }
}
