import { print } from './progress.ts';

/**
 * Calls `takeDown` when the run is interrupted, so that it stops the processes it has started.
 *
 * @returns a function that removes the handler.
 */
export const onInterrupt = (takeDown: () => Promise<unknown>): (() => void) => {
  const interrupted = (signal: NodeJS.Signals) => {
    print(`${signal}: interrupted, without a result`);
    void takeDown().finally(() => process.exit(130));
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.once(signal, interrupted);
  return () => {
    for (const signal of signals) process.off(signal, interrupted);
  };
};
