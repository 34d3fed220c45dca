import type { Decision } from './decision.ts';
import type { Nearest } from './nearest.ts';

/** A face that was searched, and what follows. */
export interface Searched {
  readonly nearest: Nearest;
  readonly decision: Decision;
}

/** A match that stands in a photo. */
export interface Standing {
  readonly match_id: string;
  readonly image_id: string;
  readonly face_id: string;
  readonly person_id: string;
  readonly similarity: number;
}

/** Who is who in each photo, when each person is in it once. */
export interface Ranked {
  /** Those that were searched, in their order; who gives way is outranked, with no match. */
  readonly searched: readonly Searched[];
  /** Standing matches that give way. */
  readonly beaten: readonly string[];
}

/**
 * One face per person in a photo: the most similar one, of equal ones that with the lesser id, so that it does not
 * matter in which order they come. A face that gives way is nobody: the next nearest person is not who it is either.
 *
 * @param standing what stands in the photos of those that were searched. Of faces searched it is passed over.
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
