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

/** A rectangle in pixels; `x`, `y` is its top left corner. It may extend beyond the picture. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** A face found by a detector, in pixels of the picture it was given. `score` is 0..1. */
export interface Detection {
  box: Box;
  score: number;
}

export type ModelRole = 'detector' | 'landmarks' | 'embedder' | 'describer';

/** A model as the database registers it, so that every stored box and vector names its model. */
export interface ModelInfo {
  id: string;
  role: ModelRole;
  /** Of the installed weights file, lower-case hex. */
  sha256: string;
  licence: string;
  /** The length of an embedder's vectors; null for other roles. */
  dimension: number | null;
}

/**
 * How small the faces in a camera's pictures are, which determines the resolution of the search. `near`: only the
 * coarse passes, which find most faces of at least a twentieth of the picture's height; `automatic`: also a finer
 * pass if the coarse ones suggest smaller faces; `far`: full resolution, for pictures up to 3840 pixels wide.
 */
export const faceRanges = ['near', 'automatic', 'far'] as const;
export type FaceRange = (typeof faceRanges)[number];

/** Degrees clockwise by which a photo is turned on top of its EXIF orientation. */
export const rotations = [0, 90, 180, 270] as const;
export type Rotation = (typeof rotations)[number];

/** The result of the coarse passes over a picture. */
interface Detections {
  /** In no particular order, each face once. */
  faces: Detection[];
  /**
   * Whether there are probably faces that are too small for these passes; {@link Detector.detectSmall} finds them.
   */
  suggestsSmaller: boolean;
}

/** A face detector. It decides its input size, letterbox, normalisation, decoding and NMS. */
export interface Detector {
  /** One entry for each weights file in use. */
  readonly models: readonly ModelInfo[];
  readonly id: string;
  /** The coarse passes, over the picture shrunk to 640 pixels. */
  detect(picture: Pixels): Promise<Detections>;
  /**
   * Finer passes, for faces that are too small for `detect`: at least 12 pixels high in the picture scaled by `scale`
   * (0..1), and less than a fifteenth of its height (or a twentieth of its width).
   */
  detectSmall(picture: Pixels, scale: number): Promise<Detection[]>;
  close(): Promise<void>;
}

/** Finds the landmarks of faces. */
export interface Landmarker {
  readonly model: ModelInfo;
  /** The 68 landmarks (iBUG order) of each box, in order, in pixels of `picture`. */
  outline(picture: Pixels, boxes: readonly Box[]): Promise<Point[][]>;
  /** The five points of each box, in order, in pixels of `picture`. */
  locate(picture: Pixels, boxes: readonly Box[]): Promise<FivePoints[]>;
  close(): Promise<void>;
}

/** The positions of the five points in an aligned crop; see `align.ts`. */
export type Template = 'arcface' | 'dlib';

/** How pixels become the numbers of an input tensor: `(value - mean) / std`, in the given channel order. */
export interface Normalisation {
  channels: 'rgb' | 'bgr';
  /** For each channel in that order, of values 0..255. */
  mean: readonly [number, number, number];
  std: readonly [number, number, number];
}

/** The similarities at which a face counts as a person; a watchlist may name one as its threshold. */
export interface Thresholds {
  default: number;
  strict: number;
  loose: number;
}

/** A complete description of an ONNX embedder; another embedder needs nothing else. */
export interface EmbedderDeclaration {
  /** Stored with every vector; vectors of different ids are never compared. */
  id: string;
  licence: string;
  /** The side of the square aligned crop, in pixels. */
  size: number;
  template: Template;
  normalisation: Normalisation;
  /** The output to read; the first one by default. */
  output?: string;
  dimension: number;
  /** Whether the raw output must be scaled to length 1. If false, the graph does it, and the norm has no meaning. */
  l2: boolean;
  /** The largest useful batch. */
  batch: number;
  thresholds: Thresholds;
  /** A raw norm below this is seldom a face; 0 if the norm has no meaning. */
  minimalNorm: number;
  enrolment: EnrolmentLimits;
}

/** The similarities by which a photo that enrols somebody is compared with those already enrolled. */
export interface EnrolmentLimits {
  /** A photo whose best similarity to the person's other photos is below this is refused as unlike them. */
  unlike: number;
  /** A photo with at least this similarity to another person is refused as that person's. */
  alike: number;
}

/** A face as a vector of length 1, and the norm of the raw output, which is low for crops that are not faces. */
export interface Embedding {
  vector: Float32Array;
  norm: number;
}

/** Computes vectors of aligned crops (of `declaration.size`), in order. */
export interface Embedder {
  readonly declaration: EmbedderDeclaration;
  readonly model: ModelInfo;
  embed(crops: readonly Pixels[]): Promise<Embedding[]>;
  close(): Promise<void>;
}

/** An estimate of age and gender. It is wrong by years, and not a fact about a person. */
export interface Demography {
  /** In years, 0 or more. */
  age: number;
  /** The probability of male, 0..1; that of female is 1 minus it. The model has no other classes. */
  male: number;
}

/** The quality of a view of a face; angles in degrees. */
export interface Quality {
  /**
   * The height of the box in the decoded picture that the models were given: up to 1280, 1920 or 3840 pixels on its
   * longer side, depending on the range.
   */
  heightPx: number;
  /** The variance of the Laplacian of the aligned crop's luma; higher is sharper. */
  sharpness: number;
  /** Positive: the nose points to the viewer's right. */
  yaw: number;
  /** Positive: the nose points down. */
  pitch: number;
  /** Positive: the head leans clockwise as seen in the picture. */
  roll: number;
}
