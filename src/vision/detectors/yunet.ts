import { VisionError } from '../errors.ts';
import { type Fitted, fitInside, padToCells } from '../letterbox.ts';
import { suppress } from '../nms.ts';
import { floats, type OnnxSession, openSession } from '../session.ts';
import { writePlanes } from '../tensor.ts';
import type { Detection, Detector, Normalisation } from '../types.ts';
import { findSmall } from './small-passes.ts';

/** Options for a YuNet file that the user supplies. */
interface YuNetOptions {
  /** The id registered with every face; by default "yunet-" and the first eight digits of the file's SHA-256. */
  id?: string;
  /** SHA-256 of the file, lower-case hex; another digest is refused. Without it any file is accepted. */
  sha256?: string;
  /** Least score of a face; {@link defaultThreshold} by default. */
  threshold?: number;
}

/**
 * The default least score. With `automatic` it finds 92% of faces of 31 px, with 6 false faces in frames of 2,116
 * faces; 0.6 finds 94%, with 33 false faces.
 */
const defaultThreshold = 0.7;

/** The longer side of the coarse pass; a face of 24 px in 1280 x 960 is 12 px high in it. */
const side = 640;
/**
 * A candidate in the coarse pass with this score and below this height (pixels) suggests that a finer pass finds more
 * faces.
 */
const [suggestive, suggestiveHeight] = [0.45, 22];

const strides = [8, 16, 32];
const outputs = strides.flatMap((stride) => [`cls_${stride}`, `obj_${stride}`, `bbox_${stride}`]);
const normalisation: Normalisation = { channels: 'bgr', mean: [0, 0, 0], std: [1, 1, 1] };

/**
 * YuNet (Wu, Peng and Yu, MIT licence; weights supplied by the user): boxes and scores in one anchor-free pass. Its
 * own five points are ignored, because faces aligned by the 68 landmarks are recognised better. Accepts exports with
 * outputs `cls_S`, `obj_S` and `bbox_S` for the strides 8, 16 and 32 and an input of any multiple of 32.
 *
 * Throws a VisionError: `model_missing`, `model_hash_mismatch`, or `model_unfit` for another network or a fixed
 * input.
 */
export const openYuNet = async (file: string, options: YuNetOptions = {}): Promise<Detector> => {
  const session = await openSession(file, options.sha256);
  const unfit = whyUnfit(session);
  if (unfit) {
    await session.close();
    throw new VisionError('model_unfit', `${file} is not a YuNet that can be used: ${unfit}.`);
  }
  const id = options.id ?? `yunet-${session.sha256.slice(0, 8)}`;
  const threshold = options.threshold ?? defaultThreshold;
  return {
    id,
    models: [{ id, role: 'detector', sha256: session.sha256, licence: 'MIT', dimension: null }],
    detect: async (picture) => {
      const input = await fitInside(picture, side, side);
      const found = await pass(session, padToCells(input), Math.min(suggestive, threshold));
      return {
        faces: found.filter(({ score }) => score >= threshold),
        suggestsSmaller: found.some(({ box }) => box.height < suggestiveHeight * input.scaleY),
      };
    },
    detectSmall: (picture, scale) => findSmall(picture, scale, (input) => pass(session, input, threshold)),
    close: () => session.close(),
  };
};

const whyUnfit = (session: OnnxSession): string | null => {
  const missing = outputs.find((name) => !session.outputs.includes(name));
  if (missing) return `it has no output ${missing}`;
  const [, , height, width] = session.inputShape;
  if (typeof height !== 'number' && typeof width !== 'number') return null;
  return `its input is fixed at ${width} x ${height}, export it with a dynamic height and width`;
};

/** One run of the network; faces are in pixels of the picture from which `input` was made. */
const pass = async (session: OnnxSession, input: Fitted, threshold: number): Promise<Detection[]> => {
  const { width, height } = input.pixels;
  const planes = new Float32Array(3 * width * height);
  writePlanes(input.pixels, normalisation, planes);
  const values = await session.run(planes, [1, 3, height, width]);
  const found = strides.flatMap((stride) => {
    const level = (name: string) => floats(values, `${name}_${stride}`);
    return decodeLevel(stride, level('cls'), level('obj'), level('bbox'), input, threshold);
  });
  return suppress(found, 0.3);
};

/** Decodes the grid of one stride, row by row: offsets are in cells, sizes are logarithms of cells. */
const decodeLevel = (
  stride: number,
  cls: Float32Array,
  obj: Float32Array,
  bbox: Float32Array,
  { pixels, scaleX, scaleY }: Fitted,
  threshold: number,
): Detection[] => {
  const columns = pixels.width / stride;
  const kx = stride * scaleX;
  const ky = stride * scaleY;
  const detections: Detection[] = [];
  for (let i = 0; i < cls.length; i++) {
    const score = Math.sqrt(Math.max(0, cls[i]! * obj[i]!));
    // Also excludes NaN, which a damaged file may give.
    if (!(score >= threshold)) continue;
    const column = i % columns;
    const row = Math.floor(i / columns);
    const width = Math.exp(bbox[4 * i + 2]!) * kx;
    const height = Math.exp(bbox[4 * i + 3]!) * ky;
    const x = (column + bbox[4 * i]!) * kx - width / 2;
    const y = (row + bbox[4 * i + 1]!) * ky - height / 2;
    detections.push({ box: { x, y, width, height }, score });
  }
  return detections;
};
