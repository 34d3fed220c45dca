import { type Kysely, sql } from 'kysely';
import { realArray } from '../database/binary.ts';
import type { DB } from '../database/types.generated.ts';
import type { Vision } from '../vision/index.ts';
import { type Decision, decide } from '../watchlist/decision.ts';
import type { Candidate } from '../watchlist/nearest.ts';
import type { SeenFace } from './see.ts';

/** The model whose vectors are compared. */
export type Model = Pick<Vision['embedder'], 'id' | 'dimension'>;

/** A person that a face may be, with names. */
export interface NamedCandidate extends Candidate {
  readonly person: string;
  readonly external_ref: string | null;
  /** The face of their nearest reference; null if it was deleted meanwhile. */
  readonly reference_face_id: string | null;
  readonly lists: readonly { readonly id: string; readonly name: string; readonly threshold: number }[];
}

/** What the stage match would have made of a face. */
export type Outcome = Decision['outcome'];

/** The people that a face was compared with. */
export interface SearchedFace {
  readonly face: SeenFace;
  readonly outcome: Outcome;
  /** The lists of the nearest person whose thresholds are reached; empty unless the outcome is `match`. */
  readonly matches: readonly { readonly watchlist_id: string; readonly threshold: number }[];
  /** The person that the outcome is about; null if nobody is enrolled on the lists. */
  readonly nearest: NamedCandidate | null;
  /** Most similar first. */
  readonly candidates: readonly NamedCandidate[];
}

/** The result for all faces of a photo. */
interface SearchedPeople {
  /** Ids of the lists that were searched. */
  readonly watchlists: readonly string[];
  readonly faces: readonly SearchedFace[];
}

/** Vectors as parameters of the functions in sql/4-people/search-by-photo.sql. */
export const probesOf = (model: Model, faces: readonly SeenFace[]) =>
  sql`${model.id}, ${model.dimension}::integer, ${realArray(faces.map((face) => face.embedding.vector))}::real[]`;

/**
 * Compares the faces of a photo with the people on the active lists, and decides on each as the stage match does: the
 * nearest person who is not ruled out, each person once in the photo, nobody for a face that fails the quality gate.
 *
 * @param wanted.watchlists names or ids of the lists to search; undefined: every active one.
 * @param wanted.most people for each face.
 * @throws {WatchpostError} by SQLSTATE: watchlist_unknown, also for a list that is not in force.
 */
export const searchPeople = async (
  db: Kysely<DB>,
  model: Model,
  faces: readonly SeenFace[],
  wanted: { readonly watchlists?: readonly string[] | undefined; readonly most: number },
): Promise<SearchedPeople> => {
  const lists = wanted.watchlists ? [...wanted.watchlists] : null;
  // Of a photo without faces the lists are checked all the same.
  const named = sql`case when ${lists}::text[] is not null then watchpost.named_lists(${lists}::text[]) end`;
  const { rows } = await sql<{ place: number; watchlists: string[]; candidates: NamedCandidate[] }>`
    select * from watchpost.search_people(${probesOf(model, faces)}, ${wanted.most}::integer, ${named})
  `.execute(db);
  const decided = faces.map((face, index): SearchedFace => {
    const candidates = rows[index]?.candidates ?? [];
    // low_norm is in the gate of the face already.
    const decision = decide({ candidates, face_gate: [...face.gate], norm: face.embedding.norm }, 0);
    const nearest = candidates.find(({ person_id }) => person_id === decision.nearest?.person_id) ?? null;
    return { face, outcome: decision.outcome, matches: decision.matches, nearest, candidates };
  });
  return { watchlists: rows[0]?.watchlists ?? [], faces: oncePerPerson(decided) };
};

/** Of several faces that are one person the most similar is, of equal ones the first; the others are outranked. */
const oncePerPerson = (faces: readonly SearchedFace[]): SearchedFace[] => {
  const best = new Map<string, SearchedFace>();
  for (const one of faces) {
    if (one.outcome !== 'match' || !one.nearest) continue;
    const before = best.get(one.nearest.person_id);
    if (!before || one.nearest.similarity > (before.nearest?.similarity ?? 0))
      best.set(one.nearest.person_id, one);
  }
  return faces.map((one) =>
    one.outcome === 'match' && best.get(one.nearest?.person_id ?? '') !== one
      ? { ...one, outcome: 'outranked', matches: [] }
      : one,
  );
};
