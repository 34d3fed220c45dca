import { join } from 'node:path';
import { modelsDirectory } from '../../models/files.ts';
import { mobilefacenet } from '../../models/manifest.ts';
import { decodeCrop } from './crop.ts';
import { decode } from './decode.ts';
import { type Describer, describerModel, openDescriber } from './describer.ts';
import { openUltraFace } from './detectors/ultraface.ts';
import { openYuNet } from './detectors/yunet.ts';
import { openEmbedder } from './embedder.ts';
import { type FoundFaces, findFaces } from './find-faces.ts';
import type { ImageLimits } from './inspect.ts';
import { openLandmarks } from './landmarks.ts';
import { scaled } from './nms.ts';
import { defaultGate, type GateLimits } from './quality.ts';
import type {
  Box,
  Demography,
  Detector,
  Embedder,
  Embedding,
  EnrolmentLimits,
  FaceRange,
  Landmarker,
  ModelInfo,
  Rotation,
  Template,
  Thresholds,
} from './types.ts';

/** Pixels to vectors, with all models open. Calls may run concurrently. */
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
  /** Limits of the quality gate. */
  readonly limits: GateLimits;
  /** The age and gender model; it is opened by the first `estimateDemography` and not one of `models`. */
  readonly describer: ModelInfo;
  /** The models that are open from the start, for the database to register. */
  readonly models: readonly ModelInfo[];
  /**
   * Inspects and decodes a photo, finds its faces, aligns them and judges their quality. Throws a VisionError with an
   * `image_*` code.
   *
   * @param range how small the faces may be; `near` by default.
   * @param rotation by which the photo is turned on top of its EXIF orientation; 0 by default.
   */
  findFaces(bytes: Uint8Array, range?: FaceRange, rotation?: Rotation): Promise<FoundFaces>;
  /** Vectors of length 1 of crops as encoded by `findFaces`, in their order. */
  embed(crops: readonly Uint8Array[]): Promise<Embedding[]>;
  /**
   * Estimates age and gender of the faces in a photo.
   *
   * Decodes the photo again, because stored crops are too narrow for the model. Throws what `findFaces` throws, and at
   * the first call `model_missing` or `model_hash_mismatch`.
   *
   * @param boxes as given by `findFaces`.
   * @param rotation as given to `findFaces`.
   * @returns one estimate for each box, in their order.
   */
  estimateDemography(bytes: Uint8Array, boxes: readonly Box[], rotation?: Rotation): Promise<Demography[]>;
  close(): Promise<void>;
}

/** A YuNet that the user supplies. */
export interface YuNetFile {
  /** Path of the ONNX file. */
  readonly file: string;
  /** Least score of a face, 0 to 1. */
  readonly threshold?: number;
}

/** Options of {@link loadVision}. */
export interface VisionOptions extends ImageLimits {
  /** Folder of the installed weights; `WATCHPOST_MODELS` or `models/installed` by default. */
  modelsDirectory?: string;
  /** A YuNet to use instead of the installed detector. */
  yunet?: YuNetFile | undefined;
  /** A detector to use instead of the installed one or YuNet; it is closed with the rest. */
  detector?: Detector;
  /** An embedder to use instead of the installed one; it is closed with the rest. */
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
  const gate = { ...defaultGate, ...options.gate };
  const detector = options.detector ?? (await openDetector(options));
  const landmarks = await openLandmarks(directory);
  const embedder = options.embedder ?? (await openInstalledEmbedder(directory));
  const { declaration } = embedder;
  const demography = openDemography(directory, landmarks, options);
  const finder = { detector, landmarks, embedder: declaration, gate, limits: options };
  return {
    detector: { id: detector.id },
    embedder: {
      id: declaration.id,
      dimension: declaration.dimension,
      sha256: embedder.model.sha256,
      template: declaration.template,
      thresholds: declaration.thresholds,
      minimalNorm: declaration.minimalNorm,
      enrolment: declaration.enrolment,
    },
    limits: gate,
    describer: describerModel,
    models: [...detector.models, landmarks.model, embedder.model],
    findFaces: (bytes, range = 'near', rotation = 0) => findFaces(finder, bytes, range, rotation),
    embed: async (crops) =>
      embedder.embed(await Promise.all(crops.map((crop) => decodeCrop(crop, declaration.size)))),
    estimateDemography: demography.estimate,
    close: async () => {
      await Promise.all([detector.close(), landmarks.close(), embedder.close(), demography.close()]);
    },
  };
};

/** Opens the user's YuNet if there is one, else the installed detector. Throws as {@link loadVision} does. */
export const openDetector = ({
  modelsDirectory: directory = modelsDirectory(),
  yunet,
}: Pick<VisionOptions, 'modelsDirectory' | 'yunet'>): Promise<Detector> =>
  yunet ? openYuNet(yunet.file, yunet) : openUltraFace(directory);

const openInstalledEmbedder = (directory: string): Promise<Embedder> =>
  openEmbedder(
    mobilefacenet.embedder,
    join(directory, mobilefacenet.file),
    mobilefacenet.sha256,
    mobilefacenet.atOpening,
  );

/** Estimates age and gender; the model is opened by the first call. */
const openDemography = (directory: string, landmarks: Landmarker, limits: ImageLimits) => {
  let describer: Promise<Describer> | undefined;
  const opened = (): Promise<Describer> => {
    describer ??= openDescriber(directory).catch((error) => {
      // The next call tries again: the model may be installed by then.
      describer = undefined;
      throw error;
    });
    return describer;
  };
  return {
    estimate: async (
      bytes: Uint8Array,
      boxes: readonly Box[],
      rotation: Rotation = 0,
    ): Promise<Demography[]> => {
      const { estimate } = await opened();
      const { picture, scale } = await decode(bytes, limits, { rotation });
      const outlines = await landmarks.outline(
        picture,
        boxes.map((box) => scaled(box, 1 / scale)),
      );
      return estimate(picture, outlines);
    },
    close: async () => (await describer)?.close(),
  };
};
