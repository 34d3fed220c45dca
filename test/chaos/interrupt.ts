import { tell } from './progress.ts';

/**
 * Interrupted, a run takes down what it has started: nothing else would.
 *
 * @returns what ends that.
 */
export const onInterrupt = (takeDown: () => Promise<unknown>): (() => void) => {
  const interrupted = (signal: NodeJS.Signals) => {
    tell(`${signal}: ended before its time, without a result`);
    void takeDown().finally(() => process.exit(130));
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.once(signal, interrupted);
  return () => {
    for (const signal of signals) process.off(signal, interrupted);
  };
};
