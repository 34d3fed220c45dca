import { type Fitted, fitInside, pad } from '../letterbox.ts';
import { suppress } from '../nms.ts';
import { floats, openSession } from '../session.ts';
import { writePlanes } from '../tensor.ts';
import type { Detection, Detector, FivePoints, Normalisation, Point } from '../types.ts';

/** What a user says about the YuNet file they supply. */
export interface YuNetOptions {
  /** Registered with every face; "yunet" unless told. */
  id?: string;
  /** Insisted on when given. */
  sha256?: string;
  /** Scores of this and more are faces; 0.6 is the authors' demo value. */
  threshold?: number;
}

const side = 640;
const strides = [8, 16, 32];
const normalisation: Normalisation = { channels: 'bgr', mean: [0, 0, 0], std: [1, 1, 1] };

/**
 * YuNet (Wu, Peng and Yu, MIT licence; weights supplied by the user): boxes, scores and the five points in
 * one anchor-free pass. Takes exports with outputs `cls_S`, `obj_S`, `bbox_S` and `kps_S` for the strides
 * 8, 16 and 32 and an input that accepts 640 x 640.
 */
export const openYuNet = async (file: string, options: YuNetOptions = {}): Promise<Detector> => {
  const session = await openSession(file, options.sha256);
  const id = options.id ?? 'yunet';
  const threshold = options.threshold ?? 0.6;
  return {
    id,
    models: [{ id, role: 'detector', sha256: session.sha256, licence: 'MIT', dimension: null }],
    detect: async (picture) => {
      const input = pad(await fitInside(picture, side, side), side, side);
      const planes = new Float32Array(3 * side * side);
      writePlanes(input.pixels, normalisation, planes);
      const outputs = await session.run(planes, [1, 3, side, side]);
      const found = strides.flatMap((stride) => {
        const level = (name: string) => floats(outputs, `${name}_${stride}`);
        return decodeLevel(stride, level('cls'), level('obj'), level('bbox'), level('kps'), input, threshold);
      });
      return suppress(found, 0.3);
    },
    close: () => session.close(),
  };
};

/** One stride's grid, row by row: offsets are in cells, sizes the logarithm of cells. */
const decodeLevel = (
  stride: number,
  cls: Float32Array,
  obj: Float32Array,
  bbox: Float32Array,
  kps: Float32Array,
  { scaleX, scaleY }: Fitted,
  threshold: number,
): Detection[] => {
  const columns = side / stride;
  const kx = stride * scaleX;
  const ky = stride * scaleY;
  const detections: Detection[] = [];
  for (let i = 0; i < cls.length; i++) {
    const score = Math.sqrt(Math.max(0, cls[i]! * obj[i]!));
    if (score < threshold) continue;
    const column = i % columns;
    const row = Math.floor(i / columns);
    const width = Math.exp(bbox[4 * i + 2]!) * kx;
    const height = Math.exp(bbox[4 * i + 3]!) * ky;
    const x = (column + bbox[4 * i]!) * kx - width / 2;
    const y = (row + bbox[4 * i + 1]!) * ky - height / 2;
    const points = [0, 1, 2, 3, 4].map(
      (k): Point => [(column + kps[10 * i + 2 * k]!) * kx, (row + kps[10 * i + 2 * k + 1]!) * ky],
    ) as FivePoints;
    detections.push({ box: { x, y, width, height }, score, points });
  }
  return detections;
};
