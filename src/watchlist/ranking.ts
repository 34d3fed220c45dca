import type { Decision } from './decision.ts';
import type { Nearest } from './nearest.ts';

/** A face that was searched, and the decision. */
export interface Searched {
  readonly nearest: Nearest;
  readonly decision: Decision;
}

/** A standing match of a photo. */
export interface Standing {
  readonly match_id: string;
  readonly image_id: string;
  readonly face_id: string;
  readonly person_id: string;
  readonly similarity: number;
}

/** The matches of photos in which each person occurs once. */
export interface Ranked {
  /** The searched faces, in order; the outcome of one that is outranked is `outranked`, without matches. */
  readonly searched: readonly Searched[];
  /** The ids of standing matches that are outranked. */
  readonly beaten: readonly string[];
}

/**
 * Keeps one face of each person in a photo: the most similar one, or of equal ones that with the smaller id, so that
 * the order of arrival does not matter. An outranked face is nobody; it is not the next nearest person.
 *
 * @param standing the matches in the photos of the searched faces; those of the searched faces themselves are
 *   ignored.
 */
export const rank = (searched: readonly Searched[], standing: readonly Standing[]): Ranked => {
  const again = new Set(searched.map(({ nearest }) => nearest.face_id));
  const others = standing.filter((match) => !again.has(match.face_id));
  const best = new Map<string, Contender>();
  for (const one of [...searched.flatMap(contenderOf), ...others]) {
    const rival = best.get(keyOf(one));
    if (!rival || beats(one, rival)) best.set(keyOf(one), one);
  }
  const wins = (one: Contender) => best.get(keyOf(one))?.face_id === one.face_id;
  return {
    searched: searched.map((one) =>
      contenderOf(one).every(wins)
        ? one
        : { ...one, decision: { ...one.decision, outcome: 'outranked', matches: [] } },
    ),
    beaten: others.filter((match) => !wins(match)).map((match) => match.match_id),
  };
};

type Contender = Omit<Standing, 'match_id'>;

const contenderOf = ({ nearest, decision }: Searched): Contender[] =>
  decision.outcome === 'match' && decision.nearest
    ? [
        {
          image_id: nearest.image_id,
          face_id: nearest.face_id,
          person_id: decision.nearest.person_id,
          similarity: decision.nearest.similarity,
        },
      ]
    : [];

const keyOf = ({ image_id, person_id }: Contender) => `${image_id} ${person_id}`;

const beats = (a: Contender, b: Contender) =>
  a.similarity > b.similarity || (a.similarity === b.similarity && a.face_id < b.face_id);
