import { useEffect, useRef, useState } from 'preact/hooks';
import { type Problem, problemOf } from './problem.ts';

/** A page of a list, and what the following one begins after. */
interface PageOf<Row> {
  readonly rows: readonly Row[];
  readonly next: string | null;
}

/** What was read of a list. */
export interface Pages<Row> {
  /** Undefined before the first answer. */
  readonly rows: readonly Row[] | undefined;
  readonly problem: Problem | undefined;
  /** Reads from the beginning again. */
  readonly reload: () => void;
  /** Reads the next page; undefined: there is none. */
  readonly more: (() => void) | undefined;
}

/**
 * Reads a list page by page, from the beginning whenever `about` changes.
 *
 * @param read a page that begins after what is given; undefined: the first one.
 */
export const usePages = <Row>(
  read: (after: string | undefined) => Promise<PageOf<Row>>,
  about: readonly unknown[],
): Pages<Row> => {
  const [state, setState] = useState<{ rows?: readonly Row[]; next?: string | null; problem?: Problem }>({});
  const turn = useRef(0);
  const add = async (before: readonly Row[], after: string | undefined) => {
    const mine = ++turn.current;
    try {
      const page = await read(after);
      if (mine === turn.current) setState({ rows: [...before, ...page.rows], next: page.next });
    } catch (thrown) {
      if (mine === turn.current) setState((old) => ({ ...old, problem: problemOf(thrown) }));
    }
  };
  useEffect(() => {
    setState({});
    void add([], undefined);
    return () => {
      turn.current++;
    };
  }, about);
  const { rows, next, problem } = state;
  return {
    rows,
    problem,
    reload: () => void add([], undefined),
    more: next && rows ? () => void add(rows, next) : undefined,
  };
};
