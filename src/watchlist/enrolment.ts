import { type ProblemCode, WatchpostError } from '../errors.ts';
import type { FoundFaces, Vision } from '../vision/index.ts';

/**
 * Checks by the number of faces whether a photo can enrol somebody.
 *
 * @param chosenFace counted from 1, left to right; null: the photo must have exactly one face.
 * @throws {WatchpostError} face_missing, faces_several, face_not_there.
 */
export const assertEnrollable = (
  {
    faces: { length: faces },
    undecodedShare,
  }: Pick<FoundFaces, 'undecodedShare'> & { readonly faces: { readonly length: number } },
  chosenFace: number | null,
): void => {
  const missing = undecodedShare
    ? ` Its file is damaged: ${Math.ceil(100 * undecodedShare)}% of the picture could not be decoded.`
    : '';
  if (faces === 0) {
    throw new WatchpostError(
      'face_missing',
      `No face was found in this photo, so it cannot enrol anybody.${missing}`,
    );
  }
  if (chosenFace === null && faces > 1) {
    throw new WatchpostError(
      'faces_several',
      `This photo has ${faces} faces; say which one is meant, counted from 1, left to right.`,
    );
  }
  if (chosenFace !== null && chosenFace > faces) {
    throw new WatchpostError(
      'face_not_there',
      `Face ${chosenFace} was chosen, but this photo has ${faces === 1 ? 'one face' : `${faces} faces`}.${missing}`,
    );
  }
};

/**
 * Checks that a person's photo was not removed before it was enrolled.
 *
 * @throws {WatchpostError} row_missing, photo_removed.
 */
export const assertStanding = (photo: { readonly removed_at: unknown } | undefined): void => {
  if (!photo) throw new WatchpostError('row_missing', 'The photo of the person is gone.');
  if (photo.removed_at) {
    throw new WatchpostError('photo_removed', 'This photo was removed before it was enrolled.');
  }
};

/**
 * All reasons of the quality gate: those of the picture, and low_norm, which depends on the embedding.
 *
 * @param minimalNorm of the embedder: a crop below it is probably not a face.
 */
export const gateOf = (faceGate: readonly string[], norm: number, minimalNorm: number): string[] =>
  norm < minimalNorm ? [...new Set([...faceGate, 'low_norm'])] : [...faceGate];

/** The stored quality of a view of a face. */
interface View {
  readonly gate: readonly string[];
  readonly height_px: number;
  readonly score: number;
  readonly sharpness: number;
  readonly yaw: number;
  readonly pitch: number;
  readonly norm: number;
}

/** The limits of the quality gate and of the embedding's norm. */
interface Limits {
  readonly heightPx: number;
  readonly score: number;
  readonly sharpness: number;
  /** Degrees, either way. */
  readonly yaw: number;
  readonly pitch: number;
  readonly norm: number;
}

/** Codes of the enrolment gate that an operator may accept for a photo; see person_photo.accept. */
export const acceptable = [
  'face_small',
  'face_low_score',
  'face_blurred',
  'face_profile',
  'face_tilted',
  'face_low_norm',
  'face_unlike',
  'face_of_another',
] as const satisfies ProblemCode[];

/** For each reason of the gate, the error code and the message. */
const refusals: Record<string, (view: View, limits: Limits) => [code: ProblemCode, sentence: string]> = {
  small: (view, limits) => [
    'face_small',
    `The face is ${Math.round(view.height_px)} pixels high, and needs ${limits.heightPx}.`,
  ],
  low_score: (view, limits) => [
    'face_low_score',
    `The detector's score of this face is ${view.score.toFixed(2)}, and at least ${limits.score} is needed.`,
  ],
  blurred: (view, limits) => [
    'face_blurred',
    `The face is blurred: its sharpness is ${view.sharpness.toFixed(1)}, and at least ${limits.sharpness} is needed.`,
  ],
  profile: (view, limits) => [
    'face_profile',
    `The face is in profile: turned by ${Math.abs(Math.round(view.yaw))} degrees, and at most ${limits.yaw} are allowed.`,
  ],
  tilted: (view, limits) => [
    'face_tilted',
    `The face looks up or down by ${Math.abs(Math.round(view.pitch))} degrees, and at most ${limits.pitch} are allowed.`,
  ],
  low_norm: (view, limits) => [
    'face_low_norm',
    `This is probably not a face: its embedding has a norm of ${view.norm.toFixed(2)}, and at least ${limits.norm} is needed.`,
  ],
};

/** The limits of the quality gate, with that of the embedder. */
export const enrolmentLimits = (vision: Pick<Vision, 'limits' | 'embedder'>): Limits => ({
  ...vision.limits,
  norm: vision.embedder.minimalNorm,
});

/** Why a view of a face is not good enough to be a reference: a code and a sentence for each reason; empty if it is. */
export const refusalsOf = (view: View, limits: Limits): { code: ProblemCode; message: string }[] =>
  gateOf(view.gate, view.norm, limits.norm).map((reason) => {
    const refusal = refusals[reason];
    const [code, message] = refusal
      ? refusal(view, limits)
      : (['face_low_score', `The face was gated as ${reason}.`] as const);
    return { code, message };
  });

/**
 * Checks that a face is a good enough view to be a reference.
 *
 * @param accept codes that are accepted for this photo.
 * @throws {WatchpostError} face_small, face_low_score, face_blurred, face_profile, face_tilted or face_low_norm: the
 *   code of the first reason, with the messages of all.
 */
export const assertFit = (view: View, limits: Limits, accept: readonly string[] = []): void => {
  const refused = refusalsOf(view, limits).filter(({ code }) => !accept.includes(code));
  const [first] = refused;
  if (first) throw new WatchpostError(first.code, refused.map(({ message }) => message).join(' '));
};
