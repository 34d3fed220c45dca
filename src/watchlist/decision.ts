import { gateOf } from './enrolment.ts';
import type { Candidate, Nearest } from './nearest.ts';

/** The decision on a face: stored in `search`, and the matches to write. */
export interface Decision {
  readonly outcome:
    | 'match'
    | 'gated'
    | 'few_looks'
    | 'below_threshold'
    | 'nobody'
    | 'outranked'
    | 'cannot_link';
  /** The reasons for which the face cannot raise an alert; empty if it can. */
  readonly gate: string[];
  /** The person the outcome refers to; null if nobody is enrolled. */
  readonly nearest: Candidate | null;
  /** One for each list of the person whose threshold is reached. */
  readonly matches: readonly { readonly watchlist_id: string; readonly threshold: number }[];
}

/** A face that was searched, and the decision. */
export interface Searched {
  readonly nearest: Nearest;
  readonly decision: Decision;
}

/**
 * Decides who a face is: the nearest person who is not ruled out, or nobody. It is never the second nearest, however
 * low the threshold of that person's list. A face that fails the quality gate never matches, because its similarities
 * are unreliable. A track of which too few faces reach a list's threshold is no match of that list yet.
 */
export const decide = (
  { candidates, face_gate, norm }: Pick<Nearest, 'candidates' | 'face_gate' | 'norm'>,
  minimalNorm: number,
): Decision => {
  const gate = gateOf(face_gate, norm, minimalNorm);
  const nearest = candidates.find((candidate) => !candidate.ruled_out) ?? null;
  const reached = (nearest?.lists ?? []).filter((list) => (nearest?.similarity ?? 0) >= list.threshold);
  const matches = reached
    .filter((list) => !list.few_looks)
    .map((list) => ({ watchlist_id: list.id, threshold: list.threshold }));
  if (matches.length > 0) {
    return gate.length > 0
      ? { outcome: 'gated', gate, nearest, matches: [] }
      : { outcome: 'match', gate, nearest, matches };
  }
  if (reached.length > 0) return { outcome: 'few_looks', gate, nearest, matches };
  const ruledOut = candidates.find((candidate) => candidate.ruled_out);
  if (ruledOut) return { outcome: 'cannot_link', gate, nearest: ruledOut, matches };
  return { outcome: nearest ? 'below_threshold' : 'nobody', gate, nearest, matches };
};
