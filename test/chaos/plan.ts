import { type Faults, killMoments } from './faults.ts';
import type { Random } from './random.ts';

/** Something to do at a time, in ms from the beginning. */
export interface Step<F> {
  readonly at: number;
  readonly fault: string;
  run(faults: F): Promise<void>;
}

/** So many of a kind, spread evenly over the run with a jitter each. */
export const spread = <F>(
  { random, ms }: { random: Random; ms: number },
  count: number,
  fault: string,
  run: (faults: F, index: number) => Promise<void>,
): Step<F>[] =>
  Array.from({ length: count }, (_, index) => ({
    at: ms * (0.03 + (0.9 * (index + random.between(0.1, 0.9))) / count),
    fault,
    run: (faults) => run(faults, index),
  }));

/**
 * The schedule of faults. Each kind is spread evenly over the run with a jitter of its own, so faults occur one after
 * the other and, as the lasting ones overlap the quick ones, together.
 */
export const planFaults = (
  random: Random,
  wanted: { seconds: number; kills: number; restarts: number },
): Step<Faults>[] => {
  const ms = wanted.seconds * 1000;
  const few = Math.max(1, Math.round(wanted.seconds / 120));
  const over = { random, ms };
  const moments = Array.from(
    { length: wanted.kills },
    (_, i) => killMoments[i % killMoments.length] as string,
  );
  return [
    ...spread<Faults>(over, wanted.kills, 'kill', (faults, index) =>
      faults.killWorker(moments[index] as string),
    ),
    ...spread<Faults>(over, Math.ceil(wanted.kills / 8), 'kill of the API', (faults) => faults.killApi()),
    ...spread<Faults>(over, wanted.restarts, 'restart of Postgres', (faults) => faults.restartPostgres()),
    ...spread<Faults>(over, few, 'terminated connections', (faults) => faults.terminateBackends()),
    ...spread<Faults>(over, few, 'black hole', (faults) => faults.blackhole()),
    ...spread<Faults>(over, few, 'suspension', (faults) => faults.suspend()),
  ].sort((a, b) => a.at - b.at);
};
