import { gateOf } from './enrolment.ts';
import type { Nearest } from './nearest.ts';

/** What follows from a search: recorded in search.outcome, and the matches to write. */
export interface Decision {
  readonly outcome: 'match' | 'gated' | 'below_threshold' | 'nobody';
  /** Why the face may not alert; empty: it may. */
  readonly gate: string[];
  /** One for each list that the person is on and whose threshold is reached. */
  readonly matches: {
    readonly person_id: string;
    readonly reference_id: string;
    readonly watchlist_id: string;
    readonly similarity: number;
    readonly threshold: number;
  }[];
}

/**
 * A face is the nearest person or nobody: never the second nearest, however low that person's list sets its
 * threshold. A face that fails the quality gate is nobody for sure either: it scored 0.48 against a stranger in profile.
 */
export const decide = (nearest: Nearest, minimalNorm: number): Decision => {
  const gate = gateOf(nearest.face_gate, nearest.norm, minimalNorm);
  const { person_id, reference_id, similarity } = nearest;
  if (person_id === null || reference_id === null || similarity === null) {
    return { outcome: 'nobody', gate, matches: [] };
  }
  const reached = nearest.lists.filter((list) => similarity >= list.threshold);
  if (reached.length === 0) return { outcome: 'below_threshold', gate, matches: [] };
  if (gate.length > 0) return { outcome: 'gated', gate, matches: [] };
  return {
    outcome: 'match',
    gate,
    matches: reached.map((list) => ({
      person_id,
      reference_id,
      similarity,
      watchlist_id: list.id,
      threshold: list.threshold,
    })),
  };
};
