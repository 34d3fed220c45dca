import type { Box } from '../types.ts';

/** UltraFace's grid: strides and the sides of their square priors, in input pixels (its published config). */
const levels = [
  { stride: 8, sides: [10, 16, 24] },
  { stride: 16, sides: [32, 48] },
  { stride: 32, sides: [64, 96] },
  { stride: 64, sides: [128, 192, 256] },
];

/** The scales of the network's offsets: of centres, and of logarithms of sizes. */
const [centreVariance, sizeVariance] = [0.1, 0.2];

/**
 * Decodes prior number `index` of an input of `width` x `height` pixels into a box of that input.
 *
 * Priors are ordered by stride, then row by row, with all sides of a cell together. A prior is computed when it is
 * needed, instead of from tables for every input size, because only few priors have a score.
 *
 * @param offsets of the network, four for each prior: centre x and y, logarithm of width and height.
 */
export const priorBox = (offsets: Float32Array, index: number, width: number, height: number): Box => {
  let first = 0;
  for (const { stride, sides } of levels) {
    const columns = Math.ceil(width / stride);
    const rows = Math.ceil(height / stride);
    const count = columns * rows * sides.length;
    if (index < first + count) {
      const cell = Math.floor((index - first) / sides.length);
      const side = sides[(index - first) % sides.length]!;
      // The published priors are clipped to the input. If a stride does not divide the input, the cells are spread
      // evenly over it.
      const w = Math.min(side, width);
      const h = Math.min(side, height);
      const cx = (((cell % columns) + 0.5) * width) / columns;
      const cy = ((Math.floor(cell / columns) + 0.5) * height) / rows;
      const boxWidth = w * Math.exp(offsets[4 * index + 2]! * sizeVariance);
      const boxHeight = h * Math.exp(offsets[4 * index + 3]! * sizeVariance);
      return {
        x: cx + offsets[4 * index]! * centreVariance * w - boxWidth / 2,
        y: cy + offsets[4 * index + 1]! * centreVariance * h - boxHeight / 2,
        width: boxWidth,
        height: boxHeight,
      };
    }
    first += count;
  }
  throw new RangeError(`UltraFace has ${first} priors at ${width} x ${height}, asked for number ${index}`);
};
