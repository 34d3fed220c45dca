import type { FivePoints, Pixels, Point, Template } from './types.ts';
import { type Affine, warp } from './warp.ts';

/** ArcFace's 112 x 112 template, which most current embedders are trained on. */
const arcface: FivePoints = [
  [38.2946, 51.6963],
  [73.5318, 51.5014],
  [56.0252, 71.7366],
  [41.5493, 92.3655],
  [70.7299, 92.2041],
];

/**
 * dlib's mean face shape in its unit square, reduced to five points (the centre of an eye is the mean of its six
 * landmarks), drawn on a 150 x 150 chip with padding 0.25: `150 * (v + 0.25) / 1.5`.
 */
const dlib: FivePoints = [
  [47.5492, 46.599],
  [100.4761, 46.599],
  [74.0127, 76.5625],
  [50.4149, 103.0233],
  [97.6104, 103.0233],
];

const templates: Record<Template, { size: number; points: FivePoints }> = {
  arcface: { size: 112, points: arcface },
  dlib: { size: 150, points: dlib },
};

/**
 * Cuts out a face so that its five points lie on those of the template, by rotation, scale and translation only.
 * Alignment matters more than the choice of embedder: TAR at FAR 1e-2 is 92% with it and 44% without.
 *
 * @returns `size` x `size` pixels.
 */
export const align = (picture: Pixels, points: FivePoints, template: Template, size: number): Pixels => {
  const { size: natural, points: wanted } = templates[template];
  const scaled = wanted.map(([x, y]): Point => [(x * size) / natural, (y * size) / natural]);
  return warp(picture, inverse(similarity(points, scaled)), size);
};

/** `x' = cos x - sin y + tx`, `y' = sin x + cos y + ty`, where cos and sin carry the scale as well. */
interface Similarity {
  cos: number;
  sin: number;
  tx: number;
  ty: number;
}

/**
 * The least-squares similarity (rotation, scale and translation, no reflection) that maps `from` to `to`. The error
 * is measured in the space of `to`; fitting the inverse map would give another scale.
 */
const similarity = (from: readonly Point[], to: readonly Point[]): Similarity => {
  const [fx, fy] = centroid(from);
  const [tx, ty] = centroid(to);
  let along = 0;
  let across = 0;
  let spread = 0;
  for (let i = 0; i < from.length; i++) {
    const x = from[i]![0] - fx;
    const y = from[i]![1] - fy;
    const u = to[i]![0] - tx;
    const v = to[i]![1] - ty;
    along += x * u + y * v;
    across += x * v - y * u;
    spread += x * x + y * y;
  }
  const cos = along / spread;
  const sin = across / spread;
  return { cos, sin, tx: tx - cos * fx + sin * fy, ty: ty - sin * fx - cos * fy };
};

const inverse = ({ cos, sin, tx, ty }: Similarity): Affine => {
  const square = cos * cos + sin * sin;
  const a = cos / square;
  const b = sin / square;
  return { a, b, c: -a * tx - b * ty, d: -b, e: a, f: b * tx - a * ty };
};

const centroid = (points: readonly Point[]): Point => {
  const sum = points.reduce<Point>(([x, y], point) => [x + point[0], y + point[1]], [0, 0]);
  return [sum[0] / points.length, sum[1] / points.length];
};
