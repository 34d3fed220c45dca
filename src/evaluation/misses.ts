import type { Database } from '../database/pool.ts';
import type { Sent } from './round.ts';
import { mostSimilarFace, type SeenFace, type SeenImage } from './seen.ts';

/** A face that should have been matched and was not, and why, as recorded. */
export interface Miss {
  readonly file: string;
  readonly person: string;
  /** In a word or two: no face, the reasons of the gate, below the threshold, … */
  readonly why: string;
  /** To the right person; null: no face, or nobody enrolled. */
  readonly similarity: number | null;
  /** The person that the search found nearest. */
  readonly nearest: string | null;
  readonly nearest_similarity: number | null;
  readonly outcome: string | null;
  readonly gate: readonly string[];
  /** Height of the face in pixels, as the models saw it. */
  readonly size: number | null;
  readonly sharpness: number | null;
  readonly yaw: number | null;
  readonly norm: number | null;
}

/** A photo in which a person was not found: of its faces the most similar one, else the largest. */
export const missOf = async (
  database: Database,
  photo: Sent,
  person: string,
  image: SeenImage,
): Promise<Miss> => {
  const like = await mostSimilarFace(database, photo.imageId, person);
  const face =
    image.faces.find((one) => one.face_id === like?.face_id) ??
    image.faces.toSorted((a, b) => b.height_px - a.height_px)[0];
  return {
    file: photo.file,
    person,
    why: whyMissed(image, face, person, like !== null),
    similarity: like?.similarity ?? null,
    nearest: face?.nearest ?? null,
    nearest_similarity: face?.similarity ?? null,
    outcome: face?.outcome ?? null,
    gate: face?.gate ?? [],
    size: face?.height_px ?? null,
    sharpness: face?.sharpness ?? null,
    yaw: face?.yaw ?? null,
    norm: face?.norm ?? null,
  };
};

const whyMissed = (image: SeenImage, face: SeenFace | undefined, person: string, known: boolean): string => {
  if (image.state === 'failed') return image.code ?? 'failed';
  if (!face) return 'no face found';
  if (face.gate && face.gate.length > 0) return `poor view: ${face.gate.join(', ')}`;
  if (!known) return 'no photo of them was enrolled';
  if (face.nearest !== person) return 'more similar to another person';
  return face.outcome === 'below_threshold' ? 'below the threshold' : (face.outcome ?? 'not searched');
};
