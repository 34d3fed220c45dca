import type { FaceRange, Vision } from '../vision/index.ts';
import { recordAccess } from '../watchlist/access.ts';
import type { Transact } from '../watchlist/registry.ts';
import { type NamedCandidate, type SearchedFace, searchPeople } from './people.ts';
import { faceReport, photoReport, seePhoto } from './see.ts';
import { type NearStranger, type PastFace, searchPastFaces, searchStrangers } from './stored.ts';

/** What `similarity` may be at least: two strangers seldom have more than 0.2. */
export const leastSimilarity = 0.2;

/** What a photo is compared with. */
export interface WantedSearch {
  /** Names or ids of active lists; undefined: all of them. */
  readonly watchlists?: readonly string[] | undefined;
  /** Also compare with the faces of stored photos. */
  readonly past?: boolean | undefined;
  /** Only photos taken at this time or later, in ISO 8601. */
  readonly since?: string | undefined;
  /** Also compare with strangers. */
  readonly strangers?: boolean | undefined;
  /** Least cosine of past faces and strangers, from `leastSimilarity` on; default: the embedder's default threshold. */
  readonly similarity?: number | undefined;
  /** Results of each kind for each face; default 5. */
  readonly most?: number | undefined;
  /** How small the faces may be; default `automatic`. */
  readonly faces?: FaceRange | undefined;
}

/** Who asks, for the record. */
export interface Asked {
  /** Runs the search and its entry in the record in one transaction, in the name of who asks. */
  readonly transact: Transact;
  /** Why, in their words. */
  readonly reason?: string | undefined;
}

/**
 * Searches for everybody in a photo. The photo, its faces and their vectors are not stored; what is stored is a row of
 * `access`, before the answer is given.
 *
 * @param bytes of a file, inspected by inspectPhoto.
 * @throws {WatchpostError} watchlist_unknown. {VisionError} image_*.
 */
export const searchByPhoto = async (
  vision: Vision,
  bytes: Uint8Array,
  wanted: WantedSearch,
  asked: Asked,
) => {
  const photo = await seePhoto(vision, bytes, wanted.faces);
  const { past = false, strangers = false, most = 5 } = wanted;
  const reach = { similarity: wanted.similarity ?? vision.embedder.thresholds.default, most };
  return asked.transact(async (trx) => {
    const people = await searchPeople(trx, vision.embedder, photo.faces, {
      watchlists: wanted.watchlists,
      most,
    });
    const seen = past
      ? await searchPastFaces(trx, vision.embedder, photo.faces, { ...reach, since: wanted.since })
      : [];
    const near = strangers ? await searchStrangers(trx, vision.embedder, photo.faces, reach) : [];
    await recordAccess(trx, {
      action: 'search',
      reason: asked.reason,
      persons: personsIn(people.faces, seen),
      details: {
        sha256: photo.sha256,
        faces: photo.faces.length,
        lists: people.watchlists.length,
        outcomes: people.faces.map(({ outcome }) => outcome),
        ...(past ? { past: seen.length } : {}),
        ...(strangers ? { strangers: near.length } : {}),
      },
    });
    return {
      ...photoReport(photo),
      watchlists: [...people.watchlists],
      faces: people.faces.map((one, index) => ({
        ...faceReport(one.face),
        outcome: one.outcome,
        matches: matchesOf(one),
        people: one.candidates.map(personReport),
        ...(past ? { past: placed(seen, index + 1) } : {}),
        ...(strangers ? { strangers: placed(near, index + 1) } : {}),
      })),
    };
  });
};

/** The answer to a search by photo. */
export type PhotoSearch = Awaited<ReturnType<typeof searchByPhoto>>;

/** Ids of everybody whom an answer names: their access reports list the search. */
export const personsIn = (faces: readonly SearchedFace[], past: readonly PastFace[] = []): string[] => [
  ...new Set([
    ...faces.flatMap(({ candidates }) => candidates.map(({ person_id }) => person_id)),
    ...past.flatMap(({ person_id }) => person_id ?? []),
  ]),
];

const matchesOf = ({ matches, nearest }: SearchedFace) =>
  matches.flatMap(({ watchlist_id, threshold }) =>
    nearest
      ? {
          person_id: nearest.person_id,
          person: nearest.person,
          watchlist_id,
          watchlist: nearest.lists.find(({ id }) => id === watchlist_id)?.name ?? '',
          similarity: nearest.similarity,
          threshold,
        }
      : [],
  );

const personReport = (one: NamedCandidate) => ({
  person_id: one.person_id,
  person: one.person,
  external_ref: one.external_ref,
  similarity: one.similarity,
  reference_similarity: one.reference_similarity,
  reference_face_id: one.reference_face_id,
  ruled_out: one.ruled_out,
  watchlists: one.lists.map((list) => ({ ...list, reached: one.similarity >= list.threshold })),
});

const placed = <One extends PastFace | NearStranger>(all: readonly One[], wanted: number) =>
  all.flatMap(({ place, ...one }) => (place === wanted ? [one] : []));
