import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { type Problem, problemOf } from './problem.ts';

/** What a page has read, or why it could not. */
export interface Answered<T> {
  /** What was read last; undefined before the first answer. It stays while it is read again. */
  readonly data: T | undefined;
  readonly problem: Problem | undefined;
  readonly isReading: boolean;
  /** Reads again. */
  readonly reload: () => Promise<void>;
}

/**
 * Reads from the API when the page appears and whenever `about` changes, and forgets answers to an earlier question.
 *
 * `const { data, problem, reload } = useAnswer(() => answer(api.watchlists.$get({ query: {} })), []);`
 *
 * @param about what the question depends on, as of useEffect.
 */
export const useAnswer = <T>(read: () => Promise<T>, about: readonly unknown[]): Answered<T> => {
  const [state, setState] = useState<Omit<Answered<T>, 'reload'>>({
    data: undefined,
    problem: undefined,
    isReading: true,
  });
  const turn = useRef(0);
  const latest = useRef(read);
  latest.current = read;
  const reload = useCallback(async () => {
    const mine = ++turn.current;
    setState((before) => ({ ...before, isReading: true }));
    try {
      const data = await latest.current();
      if (mine === turn.current) setState({ data, problem: undefined, isReading: false });
    } catch (thrown) {
      if (mine === turn.current)
        setState((before) => ({ ...before, problem: problemOf(thrown), isReading: false }));
    }
  }, []);
  useEffect(() => {
    setState({ data: undefined, problem: undefined, isReading: true });
    void reload();
    return () => {
      turn.current++;
    };
  }, about);
  return { ...state, reload };
};
