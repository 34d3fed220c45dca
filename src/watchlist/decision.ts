import { gateOf } from './enrolment.ts';
import type { Candidate, Nearest } from './nearest.ts';

/** What follows from a search: recorded in search.outcome, and the matches to write. */
export interface Decision {
  readonly outcome: 'match' | 'gated' | 'below_threshold' | 'nobody' | 'outranked' | 'cannot_link';
  /** Why the face may not alert; empty: it may. */
  readonly gate: string[];
  /** Whom the outcome is about; null: nobody is enrolled. */
  readonly nearest: Candidate | null;
  /** One for each list that the person is on and whose threshold is reached. */
  readonly matches: readonly { readonly watchlist_id: string; readonly threshold: number }[];
}

/**
 * A face is the nearest person who is not ruled out, or nobody: never the second nearest, however low that person's
 * list sets its threshold. A face that fails the quality gate is nobody for sure either: it scored 0.48 against a
 * stranger in profile.
 */
export const decide = ({ candidates, face_gate, norm }: Nearest, minimalNorm: number): Decision => {
  const gate = gateOf(face_gate, norm, minimalNorm);
  const nearest = candidates.find((candidate) => !candidate.ruled_out) ?? null;
  const matches = (nearest?.lists ?? [])
    .filter((list) => (nearest?.similarity ?? 0) >= list.threshold)
    .map((list) => ({ watchlist_id: list.id, threshold: list.threshold }));
  if (matches.length > 0) {
    return gate.length > 0
      ? { outcome: 'gated', gate, nearest, matches: [] }
      : { outcome: 'match', gate, nearest, matches };
  }
  const ruledOut = candidates.find((candidate) => candidate.ruled_out);
  if (ruledOut) return { outcome: 'cannot_link', gate, nearest: ruledOut, matches };
  return { outcome: nearest ? 'below_threshold' : 'nobody', gate, nearest, matches };
};
