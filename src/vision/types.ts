/** A point in pixels, x to the right and y down, of the picture named where it is used. */
export type Point = [x: number, y: number];

/** Left eye, right eye, nose tip, left and right mouth corner; left is the viewer's left. */
export type FivePoints = [Point, Point, Point, Point, Point];

/** An upright decoded picture: RGB, 8 bits, rows packed without padding (`data.length = width * height * 3`). */
export interface Pixels {
  data: Uint8Array;
  width: number;
  height: number;
}

/** A rectangle in pixels; `x`, `y` is its top left corner. It may reach outside the picture. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** What a detector found, in pixels of the picture it was given. `score` is 0..1. */
export interface Detection {
  box: Box;
  score: number;
}

export type ModelRole = 'detector' | 'landmarks' | 'embedder' | 'describer';

/** What the database registers for a model, so that every stored box and vector names what made it. */
export interface ModelInfo {
  id: string;
  role: ModelRole;
  /** Of the weights file as it is loaded, lower-case hex. */
  sha256: string;
  licence: string;
  /** Length of the vectors of an embedder, null for other roles. */
  dimension: number | null;
}

/**
 * How small the faces in a camera's pictures are, which decides at what resolution they are searched. `near`: the coarse
 * passes, which find most faces of a twentieth of the picture's height and more; `automatic`: a finer pass where those
 * suggest that there are smaller faces; `far`: full resolution, of pictures up to 3840 wide.
 */
export const faceRanges = ['near', 'automatic', 'far'] as const;
export type FaceRange = (typeof faceRanges)[number];

/** Result of the coarse passes over a picture. */
export interface Detections {
  /** In no particular order, no two of them the same face. */
  faces: Detection[];
  /** Whether there are probably faces too small for these passes; {@link Detector.detectSmall} finds them. */
  suggestsSmaller: boolean;
}

/** A family of face detectors; it owns its input size, letterbox, normalisation, decoding and NMS. */
export interface Detector {
  /** One entry for each weights file in use. */
  readonly models: readonly ModelInfo[];
  readonly id: string;
  /** The coarse passes, over the picture shrunk to 640 pixels. */
  detect(picture: Pixels): Promise<Detections>;
  /**
   * Passes at a finer resolution, for faces that are too small for `detect`: at least 12 pixels high in the picture
   * scaled by `scale` (0..1), and less than a fifteenth of its height (or a twentieth of its width).
   */
  detectSmall(picture: Pixels, scale: number): Promise<Detection[]>;
  close(): Promise<void>;
}

/** Finds the points of faces. */
export interface Landmarker {
  readonly model: ModelInfo;
  /** The 68 landmarks (iBUG order) of each box, in order, in pixels of `picture`. */
  outline(picture: Pixels, boxes: readonly Box[]): Promise<Point[][]>;
  /** The five points of each box, in order, in pixels of `picture`. */
  locate(picture: Pixels, boxes: readonly Box[]): Promise<FivePoints[]>;
  close(): Promise<void>;
}

/** Where the five points of an aligned crop lie; see `align.ts`. */
export type Template = 'arcface' | 'dlib';

/** How a picture becomes the numbers of an input tensor: `(value - mean) / std` in the given channel order. */
export interface Normalisation {
  channels: 'rgb' | 'bgr';
  /** By channel, in the given order, of values 0..255. */
  mean: readonly [number, number, number];
  std: readonly [number, number, number];
}

/** Similarities from which a face is called a person: what a list may name as its threshold. */
export interface Thresholds {
  default: number;
  strict: number;
  loose: number;
}

/** All that is needed to run an ONNX embedder: plugging one in is writing one of these. */
export interface EmbedderDeclaration {
  /** Stored with every vector; vectors of different ids are never compared. */
  id: string;
  licence: string;
  /** Side of the square aligned crop, in pixels. */
  size: number;
  template: Template;
  normalisation: Normalisation;
  /** The output to read; the first one when left out. */
  output?: string;
  dimension: number;
  /** Whether the raw output must be scaled to length 1 (false: the graph does it, and the norm says nothing). */
  l2: boolean;
  /** Largest batch that is still worth while. */
  batch: number;
  thresholds: Thresholds;
  /** Raw norms below this are seldom faces; 0 where the norm says nothing. */
  minimalNorm: number;
  enrolment: EnrolmentLimits;
}

/** Cosine similarities by which a photo that is to enrol somebody is held against those enrolled already. */
export interface EnrolmentLimits {
  /** Below this, at the best, a photo is unlike the others of the same person. */
  unlike: number;
  /** From this on a photo looks like another person. */
  alike: number;
}

/** One face as a vector of length 1 and the raw output's norm, which tells how face-like the crop was. */
export interface Embedding {
  vector: Float32Array;
  norm: number;
}

/** Turns aligned crops (of `declaration.size`) into vectors, in order. */
export interface Embedder {
  readonly declaration: EmbedderDeclaration;
  readonly model: ModelInfo;
  embed(crops: readonly Pixels[]): Promise<Embedding[]>;
  close(): Promise<void>;
}

/** What a face looks like to the model: an estimate that errs by years, and no fact about a person. */
export interface Demography {
  /** In years, 0 or more. */
  age: number;
  /** The probability of male, 0..1; 1 minus it is that of female. The model knows nothing else. */
  male: number;
}

/** Why a face may be trusted or not; angles in degrees. */
export interface Quality {
  /** Height of the box in the decoded picture that the models were given: up to 1280 pixels, 1920 or 3840 by the range. */
  heightPx: number;
  /** Variance of the Laplacian of the aligned crop's luma; higher is sharper. */
  sharpness: number;
  /** Positive: the nose points to the viewer's right. */
  yaw: number;
  /** Positive: the nose points down. */
  pitch: number;
  /** Positive: the head leans clockwise as seen in the picture. */
  roll: number;
}
