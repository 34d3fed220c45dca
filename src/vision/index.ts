import { join } from 'node:path';
import { modelsDirectory } from '../../models/files.ts';
import { mobilefacenet } from '../../models/manifest.ts';
import { align } from './align.ts';
import { decodeCrop, encodeCrop } from './crop.ts';
import { decode } from './decode.ts';
import { type Describer, describerModel, openDescriber } from './describer.ts';
import { detectFaces } from './detect-faces.ts';
import { openUltraFace } from './detectors/ultraface.ts';
import { openYuNet } from './detectors/yunet.ts';
import { openEmbedder } from './embedder.ts';
import type { ImageFormat } from './format.ts';
import type { ImageLimits } from './inspect.ts';
import { openLandmarks } from './landmarks.ts';
import { scaled } from './nms.ts';
import { poseOf } from './pose.ts';
import { defaultGate, type GateLimits, type GateReason, gate, sharpnessOf } from './quality.ts';
import type {
  Box,
  Description,
  Detector,
  Embedder,
  Embedding,
  EnrolmentLimits,
  FaceRange,
  FivePoints,
  ModelInfo,
  Point,
  Quality,
  Template,
  Thresholds,
} from './types.ts';

export { detectFaces } from './detect-faces.ts';
export { openYuNet } from './detectors/yunet.ts';
export { openEmbedder } from './embedder.ts';
export { VisionError, type VisionErrorCode } from './errors.ts';
export type { ImageFormat } from './format.ts';
export { type ImageHeader, inspectImage } from './inspect.ts';
export { iou, scaled } from './nms.ts';
export type { GateLimits, GateReason } from './quality.ts';
export type {
  Box,
  Description,
  Detector,
  Embedder,
  Embedding,
  EnrolmentLimits,
  FaceRange,
  FivePoints,
  ModelInfo,
  Point,
  Quality,
} from './types.ts';
export { faceRanges } from './types.ts';

/** A face as the pipeline stores it; box and points in pixels of the upright full-size picture. */
export interface FoundFace {
  box: Box;
  /** The detector's confidence, 0..1. */
  score: number;
  points: FivePoints;
  quality: Quality;
  /** Reasons for which it may not alert by itself; empty when it may. */
  gate: GateReason[];
  /** The aligned crop, encoded: what `embed` takes and what people look at. */
  crop: Uint8Array;
}

/** What one photo holds; width and height are of the upright full-size picture. */
export interface FoundFaces {
  format: ImageFormat;
  width: number;
  height: number;
  /** Left to right, by the centre of the box. */
  faces: FoundFace[];
}

/** Pixels to vectors, with all models open. Safe to call several times at once. */
export interface Vision {
  readonly detector: { readonly id: string };
  readonly embedder: {
    readonly id: string;
    readonly dimension: number;
    readonly sha256: string;
    readonly template: Template;
    readonly thresholds: Thresholds;
    readonly minimalNorm: number;
    readonly enrolment: EnrolmentLimits;
  };
  /** What a face must reach not to be gated. */
  readonly limits: GateLimits;
  /** Estimates age and gender; opened when `describe` is first called, and not one of `models`. */
  readonly describer: ModelInfo;
  /** Every model that is open from the start, for the database to register. */
  readonly models: readonly ModelInfo[];
  /**
   * Inspects, decodes, detects, aligns and judges. Throws a VisionError with an `image_*` code.
   *
   * @param range how small the faces may be; `near` by default.
   */
  findFaces(bytes: Uint8Array, range?: FaceRange): Promise<FoundFaces>;
  /** Vectors of length 1 for crops as `findFaces` encoded them, in order. */
  embed(crops: readonly Uint8Array[]): Promise<Embedding[]>;
  /**
   * Age and gender of the faces in a photo, by their boxes (as `findFaces` gave them), in order. Decodes the photo
   * again, as stored crops are too narrow for it. Throws what `findFaces` throws, and `model_missing` or
   * `model_hash_mismatch` the first time.
   */
  describe(bytes: Uint8Array, boxes: readonly Box[]): Promise<Description[]>;
  close(): Promise<void>;
}

/** A YuNet that the user brings: path of the ONNX file, and the least score of a face, 0 to 1. */
export interface YuNetFile {
  readonly file: string;
  readonly threshold?: number;
}

/** Options of {@link loadVision}. */
export interface VisionOptions extends ImageLimits {
  /** Folder of the installed weights; `WATCHPOST_MODELS` or `models/installed` by default. */
  modelsDirectory?: string;
  /** A YuNet file to detect with in place of the installed detector, and the score from which it counts. */
  yunet?: YuNetFile | undefined;
  /** A detector in place of both; closed with the rest. */
  detector?: Detector;
  /** An embedder in place of the default one; closed with the rest. */
  embedder?: Embedder;
  gate?: Partial<GateLimits>;
}

/**
 * Opens the models: about 7 MB of weights, 0.2 s.
 * Throws a VisionError: `model_missing` or `model_hash_mismatch`, both repaired by `npm run models`.
 *
 * @example
 * const vision = await loadVision();
 * const { faces } = await vision.findFaces(await readFile('door.jpg'));
 * const vectors = await vision.embed(faces.map((face) => face.crop));
 * await vision.close();
 */
export const loadVision = async (options: VisionOptions = {}): Promise<Vision> => {
  const directory = options.modelsDirectory ?? modelsDirectory();
  const limits = { ...defaultGate, ...options.gate };
  const detector = options.detector ?? (await openDetector(options));
  const landmarks = await openLandmarks(directory);
  const embedder =
    options.embedder ??
    (await openEmbedder(
      mobilefacenet.embedder,
      join(directory, mobilefacenet.file),
      mobilefacenet.sha256,
      mobilefacenet.atOpening,
    ));
  const { id, dimension, template, thresholds, size } = embedder.declaration;

  const findFaces = async (bytes: Uint8Array, range: FaceRange = 'near'): Promise<FoundFaces> => {
    const { header, picture, scale, detections } = await detectFaces(bytes, detector, range, options);
    const located = await landmarks.locate(
      picture,
      detections.map(({ box }) => box),
    );
    const faces = detections
      .map(({ box, score }, index) => ({ box, score, points: located[index]! }))
      .sort((a, b) => a.box.x + a.box.width / 2 - (b.box.x + b.box.width / 2))
      .map(async ({ box, score, points }): Promise<FoundFace> => {
        const crop = align(picture, points, template, size);
        const quality = { heightPx: box.height, sharpness: sharpnessOf(crop), ...poseOf(points) };
        return {
          box: scaled(box, scale),
          score,
          points: points.map(([x, y]): Point => [x * scale, y * scale]) as FivePoints,
          quality,
          gate: gate(quality, score, limits),
          crop: await encodeCrop(crop),
        };
      });
    return { ...header, faces: await Promise.all(faces) };
  };

  let describer: Promise<Describer> | undefined;
  const opened = (): Promise<Describer> => {
    describer ??= openDescriber(directory).catch((error) => {
      // It may be installed by the time of the next call.
      describer = undefined;
      throw error;
    });
    return describer;
  };

  const describe = async (bytes: Uint8Array, boxes: readonly Box[]): Promise<Description[]> => {
    const { describe: estimate } = await opened();
    const { picture, scale } = await decode(bytes, options);
    const outlines = await landmarks.outline(
      picture,
      boxes.map((box) => scaled(box, 1 / scale)),
    );
    return estimate(picture, outlines);
  };

  return {
    detector: { id: detector.id },
    embedder: {
      id,
      dimension,
      sha256: embedder.model.sha256,
      template,
      thresholds,
      minimalNorm: embedder.declaration.minimalNorm,
      enrolment: embedder.declaration.enrolment,
    },
    limits,
    describer: describerModel,
    models: [...detector.models, landmarks.model, embedder.model],
    findFaces,
    describe,
    embed: async (crops) => embedder.embed(await Promise.all(crops.map((crop) => decodeCrop(crop, size)))),
    close: async () => {
      await Promise.all([detector.close(), landmarks.close(), embedder.close(), (await describer)?.close()]);
    },
  };
};

/** Opens the user's YuNet where there is one, else the installed detector. Throws as {@link loadVision} does. */
export const openDetector = ({
  modelsDirectory: directory = modelsDirectory(),
  yunet,
}: Pick<VisionOptions, 'modelsDirectory' | 'yunet'>): Promise<Detector> =>
  yunet ? openYuNet(yunet.file, yunet) : openUltraFace(directory);
