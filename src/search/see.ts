import { createHash } from 'node:crypto';
import { limits } from '../limits.ts';
import type { Box, Embedding, FaceRange, FoundFace, ImageFormat, Point, Vision } from '../vision/index.ts';
import { gateOf } from '../watchlist/enrolment.ts';

/** A face of a photo that is not stored. Its vector stays within the process and the database: see `faceReport`. */
export interface SeenFace {
  /** Counted from 1, left to right, over all faces of the photo. */
  readonly ordinal: number;
  readonly found: FoundFace;
  readonly embedding: Embedding;
  /** Why it can neither raise an alert nor enrol: reasons of the picture, and `low_norm`; empty if it can. */
  readonly gate: readonly string[];
}

/** A photo that is not stored, and its faces. */
export interface SeenPhoto {
  /** Of the file, in hex. */
  readonly sha256: string;
  readonly format: ImageFormat;
  /** Of the upright picture, in pixels. */
  readonly width: number;
  readonly height: number;
  readonly undecodedShare: number | null;
  /** Left to right; of many faces the largest. */
  readonly faces: readonly SeenFace[];
  /** How many smaller faces were left out. */
  readonly leftOut: number;
}

/**
 * Finds the faces of a photo and computes their vectors, as the stages detect and embed do, and stores nothing.
 *
 * @param bytes of a file, inspected by inspectPhoto.
 * @param range how small the faces may be.
 * @param most faces; the smallest of more are left out.
 * @throws {VisionError} image_*, if the photo cannot be decoded.
 */
export const seePhoto = async (
  vision: Vision,
  bytes: Uint8Array,
  range: FaceRange = 'automatic',
  most: number = limits.facesSearched.max,
): Promise<SeenPhoto> => {
  const { faces, ...photo } = await vision.findFaces(bytes, range);
  const largest = faces
    .map((found, index) => ({ ordinal: index + 1, found }))
    .sort((a, b) => areaOf(b.found.box) - areaOf(a.found.box))
    .slice(0, most)
    .sort((a, b) => a.ordinal - b.ordinal);
  const embeddings = largest.length === 0 ? [] : await vision.embed(largest.map(({ found }) => found.crop));
  return {
    ...photo,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    faces: largest.map(({ ordinal, found }, index) => {
      const embedding = embeddings[index] as Embedding;
      return {
        ordinal,
        found,
        embedding,
        gate: gateOf(found.gate, embedding.norm, vision.embedder.minimalNorm),
      };
    }),
    leftOut: faces.length - largest.length,
  };
};

/** Area of a box, in pixels. */
export const areaOf = (box: Box): number => box.width * box.height;

/** A photo as answers describe it. */
export const photoReport = ({ format, width, height, undecodedShare, leftOut }: SeenPhoto) => ({
  format,
  width,
  height,
  damaged: undecodedShare !== null,
  undecoded_share: undecodedShare,
  faces_left_out: leftOut,
});

/** A face as answers describe it, in the form of GET /v1/images/{id}; without its vector. */
export const faceReport = ({ ordinal, found, embedding, gate }: SeenFace) => ({
  ordinal,
  box: { ...found.box },
  points: found.points.flatMap(([x, y]: Point) => [x, y]),
  quality: {
    score: found.score,
    height_px: found.quality.heightPx,
    sharpness: found.quality.sharpness,
    yaw: found.quality.yaw,
    pitch: found.quality.pitch,
    roll: found.quality.roll,
    norm: embedding.norm,
    gate: [...gate],
  },
});

/** The cosine of two faces, -1 to 1; their vectors have length 1. */
export const cosine = (a: SeenFace, b: SeenFace): number => {
  let sum = 0;
  for (let i = 0; i < a.embedding.vector.length; i++) {
    sum += (a.embedding.vector[i] as number) * (b.embedding.vector[i] as number);
  }
  return Math.max(-1, Math.min(1, sum));
};
