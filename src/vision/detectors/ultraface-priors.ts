import type { Box } from '../types.ts';

/** UltraFace's grid: strides and the sides of their square priors, in input pixels (its published config). */
const levels = [
  { stride: 8, sides: [10, 16, 24] },
  { stride: 16, sides: [32, 48] },
  { stride: 32, sides: [64, 96] },
  { stride: 64, sides: [128, 192, 256] },
];

/** How far the network's offsets are scaled: centres by the first, logarithms of sizes by the second. */
const [centreVariance, sizeVariance] = [0.1, 0.2];

/**
 * Decodes prior number `index` of an input of `width` x `height` pixels into a box of that input, from the
 * network's `offsets` (four a prior: centre x and y, logarithm of width and height). Priors run through the
 * strides, in each row by row, all sides of a cell together. Only the few priors that score are ever
 * decoded, so this computes one rather than keeping tables for every size.
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
      // Published priors are clipped to the input. Where a stride does not divide the input, the cells are
      // spread evenly over it all the same.
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
