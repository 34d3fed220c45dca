import type { Log } from '../log.ts';

/** What has to be stopped, last started first. */
export class Stopper {
  readonly #steps: (() => Promise<void>)[] = [];
  #stopping: Promise<void> | undefined;

  /** Remembers how to stop what was just started. */
  add(step: () => Promise<void>): void {
    this.#steps.unshift(step);
  }

  /** Stops everything, once; a step that fails does not keep the others from it. */
  stop(): Promise<void> {
    this.#stopping ??= (async () => {
      for (const step of this.#steps) await step().catch(() => {});
    })();
    return this.#stopping;
  }

  /**
   * Ends the process on SIGINT or SIGTERM: in good order within 10 s at the first, at once at a second.
   *
   * @returns a promise that never resolves: the process ends instead.
   */
  untilSignal(log: Log): Promise<never> {
    let signals = 0;
    const onSignal = (signal: NodeJS.Signals) => {
      signals += 1;
      if (signals > 1) process.exit(130);
      log.info({ signal }, 'stopping: running jobs are finished or put back; a second signal stops at once');
      const late = setTimeout(() => process.exit(1), 9_900);
      void this.stop().then(() => {
        clearTimeout(late);
        process.exit(0);
      });
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
    return new Promise(() => {});
  }
}
