import { useState } from 'preact/hooks';
import { type Problem, problemOf } from './problem.ts';

/** A call that changes something, and what went wrong with it. */
export interface Work {
  readonly problem: Problem | undefined;
  readonly isBusy: boolean;
  /** Does it; what it throws is the problem. */
  readonly run: (work: () => Promise<void>) => void;
}

/** What a form does when it is sent: one call at a time, with its problem. */
export const useWork = (): Work => {
  const [problem, setProblem] = useState<Problem>();
  const [isBusy, setBusy] = useState(false);
  const attempt = async (work: () => Promise<void>) => {
    setBusy(true);
    setProblem(undefined);
    try {
      await work();
    } catch (thrown) {
      setProblem(problemOf(thrown));
    } finally {
      setBusy(false);
    }
  };
  return { problem, isBusy, run: (work) => void attempt(work) };
};
