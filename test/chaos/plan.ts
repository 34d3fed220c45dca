import { type Faults, killMoments } from './faults.ts';
import type { Random } from './random.ts';

/** Something to do at a time, in ms from the beginning. */
interface Step {
  readonly at: number;
  readonly fault: string;
  run(faults: Faults): Promise<void>;
}

/**
 * The schedule of faults. Each kind is spread evenly over the run with a jitter of its own, so faults occur one after
 * the other and, as the lasting ones overlap the quick ones, together.
 */
export const planFaults = (
  random: Random,
  wanted: { seconds: number; kills: number; restarts: number },
): Step[] => {
  const ms = wanted.seconds * 1000;
  const few = Math.max(1, Math.round(wanted.seconds / 120));
  const spread = (
    count: number,
    fault: string,
    run: (faults: Faults, index: number) => Promise<void>,
  ): Step[] =>
    Array.from({ length: count }, (_, index) => ({
      at: ms * (0.03 + (0.9 * (index + random.between(0.1, 0.9))) / count),
      fault,
      run: (faults) => run(faults, index),
    }));
  const moments = Array.from(
    { length: wanted.kills },
    (_, i) => killMoments[i % killMoments.length] as string,
  );
  return [
    ...spread(wanted.kills, 'kill', (faults, index) => faults.killWorker(moments[index] as string)),
    ...spread(Math.ceil(wanted.kills / 8), 'kill of the API', (faults) => faults.killApi()),
    ...spread(wanted.restarts, 'restart of Postgres', (faults) => faults.restartPostgres()),
    ...spread(few, 'terminated connections', (faults) => faults.terminateBackends()),
    ...spread(few, 'black hole', (faults) => faults.blackhole()),
    ...spread(few, 'suspension', (faults) => faults.suspend()),
  ].sort((a, b) => a.at - b.at);
};
