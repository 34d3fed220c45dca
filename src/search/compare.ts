import { limits } from '../limits.ts';
import type { FaceRange, Vision } from '../vision/index.ts';
import { recordAccess } from '../watchlist/access.ts';
import type { Asked } from './search.ts';
import { cosine, faceReport, photoReport, type SeenFace, type SeenPhoto, seePhoto } from './see.ts';

/** The similarity of a face of one photo and a face of the other. */
interface Pair {
  /** Ordinals of the faces in their photos. */
  readonly face: number;
  readonly other_face: number;
  /** Cosine, -1 to 1. */
  readonly similarity: number;
}

/**
 * Compares two photos: every face of one with every face of the other. Neither is stored; a row of `access` is.
 *
 * @param photos two files, inspected by inspectPhoto.
 * @param wanted.threshold least cosine of a match; default: the embedder's default threshold.
 * @throws {VisionError} image_*.
 */
export const comparePhotos = async (
  vision: Vision,
  photos: { readonly image: Uint8Array; readonly other: Uint8Array },
  wanted: { readonly threshold?: number | undefined; readonly faces?: FaceRange | undefined },
  asked: Asked,
) => {
  const most = limits.facesCompared.max;
  const image = await seePhoto(vision, photos.image, wanted.faces, most);
  const other = await seePhoto(vision, photos.other, wanted.faces, most);
  const threshold = wanted.threshold ?? vision.embedder.thresholds.default;
  const pairs = pairsOf(image.faces, other.faces);
  const best = pairs[0] ?? null;
  const outcome = outcomeOf(best, threshold, image, other);
  await asked.transact((trx) =>
    recordAccess(trx, {
      action: 'compare',
      reason: asked.reason,
      persons: [],
      details: {
        sha256: [image.sha256, other.sha256],
        similarity: best?.similarity ?? null,
        threshold,
        outcome,
      },
    }),
  );
  return {
    match: outcome === 'match',
    outcome,
    threshold,
    best,
    pairs,
    image: { ...photoReport(image), faces: image.faces.map(faceReport) },
    other: { ...photoReport(other), faces: other.faces.map(faceReport) },
  };
};

/** The answer to a comparison. */
export type PhotoComparison = Awaited<ReturnType<typeof comparePhotos>>;

/** Every pair, most similar first. */
const pairsOf = (faces: readonly SeenFace[], others: readonly SeenFace[]): Pair[] =>
  faces
    .flatMap((face) =>
      others.map((other) => ({
        face: face.ordinal,
        other_face: other.ordinal,
        similarity: cosine(face, other),
      })),
    )
    .sort((a, b) => b.similarity - a.similarity);

/** As in a search: similarities of a face that fails the quality gate are unreliable, so it matches nobody. */
const outcomeOf = (
  best: Pair | null,
  threshold: number,
  image: SeenPhoto,
  other: SeenPhoto,
): 'match' | 'gated' | 'below_threshold' | 'no_face' => {
  if (!best) return 'no_face';
  if (best.similarity < threshold) return 'below_threshold';
  const poor = (photo: SeenPhoto, ordinal: number) =>
    photo.faces.some((face) => face.ordinal === ordinal && face.gate.length > 0);
  return poor(image, best.face) || poor(other, best.other_face) ? 'gated' : 'match';
};
