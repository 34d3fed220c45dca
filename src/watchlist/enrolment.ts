import { WatchpostError } from '../errors.ts';

/**
 * Whether a photo can enrol somebody, by the number of faces in it.
 *
 * @param chosenFace counted from 1, left to right; null: the photo must have exactly one face.
 * @throws {WatchpostError} face_missing, faces_several, face_not_there.
 */
export const assertEnrollable = (faces: number, chosenFace: number | null): void => {
  if (faces === 0) {
    throw new WatchpostError('face_missing', 'No face was found in this photo, so it can not enrol anybody.');
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
      `Face ${chosenFace} was chosen, but this photo has ${faces === 1 ? 'one face' : `${faces} faces`}.`,
    );
  }
};

/**
 * All reasons why a face may not count: those of its picture, and low_norm, which only its embedding tells.
 *
 * @param minimalNorm of the embedder: below it, a crop is hardly a face.
 */
export const gateOf = (faceGate: readonly string[], norm: number, minimalNorm: number): string[] =>
  norm < minimalNorm ? [...faceGate, 'low_norm'] : [...faceGate];

/**
 * Whether a face is a good enough view to be a reference.
 *
 * @throws {WatchpostError} face_unfit, naming the reasons.
 */
export const assertFit = (faceGate: readonly string[], norm: number, minimalNorm: number): void => {
  const gate = gateOf(faceGate, norm, minimalNorm);
  if (gate.length > 0) {
    throw new WatchpostError('face_unfit', `The face is too poor a view to enrol: ${gate.join(', ')}.`);
  }
};
