import { toWatchpostError } from '../convert-error.ts';
import { readPhotoFile } from '../intake/index.ts';
import type { Vision } from '../vision/index.ts';
import { gateOf } from '../watchlist/enrolment.ts';

/** A photo to measure with, and who is in it; null: a stranger, who is on no list. */
export interface LabelledPhoto {
  readonly file: string;
  readonly person: string | null;
}

/** A face to measure with. */
export interface LabelledFace {
  readonly person: string | null;
  readonly vector: Float32Array;
}

/** A photo without a face that can be measured with. */
export interface LeftOut {
  readonly file: string;
  readonly why: string;
}

/**
 * Finds the faces of labelled photos. Of a person's photo the largest face counts, of a stranger's all of them; faces
 * that fail the quality gate are left out, because they cannot alert.
 */
export const findLabelledFaces = async (
  vision: Vision,
  photos: readonly LabelledPhoto[],
  onProgress: (done: number, of: number) => void,
): Promise<{ faces: LabelledFace[]; leftOut: LeftOut[] }> => {
  const found: (LabelledFace[] | LeftOut)[] = [];
  let done = 0;
  const queue = photos.entries();
  const work = async () => {
    for (const [index, photo] of queue) {
      found[index] = await usableFaces(vision, photo);
      onProgress(++done, photos.length);
    }
  };
  // Two at a time: one is decoded while the other is in the models.
  await Promise.all([work(), work()]);
  return {
    faces: found.flatMap((one) => (Array.isArray(one) ? one : [])),
    leftOut: found.flatMap((one) => (Array.isArray(one) ? [] : [one])),
  };
};

const usableFaces = async (
  vision: Vision,
  { file, person }: LabelledPhoto,
): Promise<LabelledFace[] | LeftOut> => {
  try {
    const all = (await vision.findFaces(await readPhotoFile(file))).faces;
    const faces = person === null ? all : all.toSorted((a, b) => b.box.height - a.box.height).slice(0, 1);
    if (faces.length === 0) return { file, why: 'no face' };
    const embeddings = await vision.embed(faces.map((face) => face.crop));
    const judged = faces.map((face, index) => {
      const { vector, norm } = embeddings[index] as (typeof embeddings)[number];
      return { person, vector, gate: gateOf(face.gate, norm, vision.embedder.minimalNorm) };
    });
    const usable = judged.filter(({ gate }) => gate.length === 0);
    return usable.length > 0 ? usable : { file, why: `poor view: ${judged[0]?.gate.join(', ')}` };
  } catch (error) {
    const { code, message } = toWatchpostError(error);
    if (code.startsWith('image_') || code === 'body_too_large') return { file, why: message };
    throw error;
  }
};
