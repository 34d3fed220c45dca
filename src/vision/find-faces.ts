import { align } from './align.ts';
import { encodeCrop } from './crop.ts';
import { detectFaces } from './detect-faces.ts';
import type { ImageFormat } from './format.ts';
import type { ImageLimits } from './inspect.ts';
import { scaled } from './nms.ts';
import { poseOf } from './pose.ts';
import { type GateLimits, type GateReason, gate, sharpnessOf } from './quality.ts';
import type {
  Box,
  Detection,
  Detector,
  EmbedderDeclaration,
  FaceRange,
  FivePoints,
  Landmarker,
  Pixels,
  Point,
  Quality,
  Rotation,
} from './types.ts';

/** A face as the pipeline stores it; box and points in pixels of the upright full-size picture. */
export interface FoundFace {
  box: Box;
  /** The detector's confidence, 0..1. */
  score: number;
  points: FivePoints;
  quality: Quality;
  /** Reasons for which the face cannot raise an alert; empty if it can. */
  gate: GateReason[];
  /** The aligned crop, encoded: the input of `embed`, also shown to people. */
  crop: Uint8Array;
}

/** The faces of one photo; width and height are of the upright full-size picture. */
export interface FoundFaces {
  format: ImageFormat;
  width: number;
  height: number;
  /** Of a damaged file the share of the picture that could not be decoded, 0 to less than 1; null: it is whole. */
  undecodedShare: number | null;
  /** Left to right, by the centre of the box. */
  faces: FoundFace[];
}

/** What {@link findFaces} needs. */
interface FaceFinder {
  readonly detector: Detector;
  readonly landmarks: Landmarker;
  /** Size and template of the aligned crops. */
  readonly embedder: Pick<EmbedderDeclaration, 'size' | 'template'>;
  readonly gate: GateLimits;
  readonly limits: ImageLimits;
}

/** Decodes a photo, detects and aligns its faces, and judges their quality; see `Vision.findFaces`. */
export const findFaces = async (
  finder: FaceFinder,
  bytes: Uint8Array,
  range: FaceRange,
  rotation: Rotation,
): Promise<FoundFaces> => {
  const { header, picture, scale, damage, detections } = await detectFaces(
    bytes,
    finder.detector,
    range,
    finder.limits,
    rotation,
  );
  const points = await finder.landmarks.locate(
    picture,
    detections.map(({ box }) => box),
  );
  const faces = detections
    .map((detection, index) => ({ detection, points: points[index]! }))
    .sort((a, b) => centre(a.detection.box) - centre(b.detection.box))
    .map(({ detection, points }) => toFoundFace(finder, picture, scale, detection, points));
  return { ...header, undecodedShare: damage?.undecodedShare ?? null, faces: await Promise.all(faces) };
};

const centre = (box: Box): number => box.x + box.width / 2;

/** @param scale pixels of the full-size picture for one of `picture`. */
const toFoundFace = async (
  finder: FaceFinder,
  picture: Pixels,
  scale: number,
  { box, score }: Detection,
  points: FivePoints,
): Promise<FoundFace> => {
  const crop = align(picture, points, finder.embedder.template, finder.embedder.size);
  const quality = { heightPx: box.height, sharpness: sharpnessOf(crop), ...poseOf(points) };
  return {
    box: scaled(box, scale),
    score,
    points: points.map(([x, y]): Point => [x * scale, y * scale]) as FivePoints,
    quality,
    gate: gate(quality, score, finder.gate),
    crop: await encodeCrop(crop),
  };
};
