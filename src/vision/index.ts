/** The interface of the vision code: from pixels to vectors. */

export { detectFaces } from './detect-faces.ts';
export { openYuNet } from './detectors/yunet.ts';
export { openEmbedder } from './embedder.ts';
export { VisionError, type VisionErrorCode } from './errors.ts';
export type { FoundFace, FoundFaces } from './find-faces.ts';
export type { ImageFormat } from './format.ts';
export { type ImageHeader, type ImageLimits, inspectImage } from './inspect.ts';
export { loadVision, openDetector, type Vision, type VisionOptions, type YuNetFile } from './load.ts';
export { drawBoxes } from './mark.ts';
export { iou, scaled } from './nms.ts';
export type { GateLimits, GateReason } from './quality.ts';
export { type Redrawn, redraw } from './redraw.ts';
export { differenceOf, sketchOf } from './still.ts';
export type {
  Box,
  Demography,
  Detector,
  Embedder,
  Embedding,
  EnrolmentLimits,
  FaceRange,
  FivePoints,
  ModelInfo,
  Point,
  Quality,
  Rotation,
} from './types.ts';
export { faceRanges, rotations } from './types.ts';
export { upright } from './upright.ts';
