import { WatchpostError } from '../../errors.ts';
import { areaOf, type SeenFace } from '../../search/index.ts';
import type { Demography, Vision } from '../../vision/index.ts';
import type { Wanted } from './fields.ts';

/** Faces in the form of CompreFace's answers. */

/** Years on either side of an estimated age: what it is wrong by on average (see the table demography). */
const ageMargin = 5;

/** What plugins have found about a face. */
interface Facts {
  readonly demography?: Demography | undefined;
  readonly vectors: boolean;
}

/** A face with what the plugins that were asked for have found. */
export const faceAnswer = (face: SeenFace, { plugins }: Pick<Wanted, 'plugins'>, facts: Facts) => {
  const { box, score, points, quality } = face.found;
  const { demography } = facts;
  return {
    ...(plugins.has('age') && demography
      ? {
          age: {
            low: Math.max(0, Math.round(demography.age - ageMargin)),
            high: Math.round(demography.age + ageMargin),
          },
        }
      : {}),
    ...(plugins.has('gender') && demography
      ? {
          gender: {
            value: demography.male >= 0.5 ? 'male' : 'female',
            probability: Math.max(demography.male, 1 - demography.male),
          },
        }
      : {}),
    ...(plugins.has('pose') ? { pose: { pitch: quality.pitch, roll: quality.roll, yaw: quality.yaw } } : {}),
    ...(plugins.has('landmarks')
      ? { landmarks: points.map(([x, y]) => [Math.round(x), Math.round(y)]) }
      : {}),
    ...(plugins.has('calculator') && facts.vectors ? { embedding: [...face.embedding.vector] } : {}),
    box: {
      probability: score,
      x_min: Math.round(box.x),
      y_min: Math.round(box.y),
      x_max: Math.round(box.x + box.width),
      y_max: Math.round(box.y + box.height),
    },
  };
};

/** With `status=true`: the models. */
export const statusAnswer = (vision: Vision, { status }: Pick<Wanted, 'status'>) =>
  status ? { plugins_versions: { detector: vision.detector.id, calculator: vision.embedder.id } } : {};

/**
 * The faces that a call is about: sure enough, the largest first, as many as are asked for.
 *
 * @throws {WatchpostError} face_missing if there are none.
 */
export const wantedFaces = (faces: readonly SeenFace[], wanted: Wanted): SeenFace[] => {
  const sure = faces
    .filter(({ found }) => found.score >= wanted.det_prob_threshold)
    .sort((a, b) => areaOf(b.found.box) - areaOf(a.found.box));
  if (sure.length === 0) throw new WatchpostError('face_missing', 'No face is found in the given image');
  return wanted.limit === 0 ? sure : sure.slice(0, wanted.limit);
};

/** A similarity as clients expect it: 0 to 1. */
export const likeness = (cosine: number): number => Math.max(0, cosine);
