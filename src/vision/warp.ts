import { cut, halve } from './letterbox.ts';
import type { Box, Pixels } from './types.ts';

/** Maps an output pixel to a source pixel: `x' = a x + b y + c`, `y' = d x + e y + f`. */
export interface Affine {
  a: number;
  b: number;
  c: number;
  d: number;
  e: number;
  f: number;
}

/**
 * Samples `size` x `size` output pixels bilinearly; pixels outside the source are black. If the map skips two source
 * pixels or more, the covered part of the source is halved first, because bilinear sampling alone would alias.
 */
export const warp = (picture: Pixels, map: Affine, size: number): Pixels => {
  let source = picture;
  let m = map;
  if (scaleOf(m) >= 2) ({ source, m } = cutOut(picture, m, size));
  while (scaleOf(m) >= 2 && source.width > 8 && source.height > 8) {
    source = halve(source);
    // Coordinates are those of pixel centres, which are 0.5 from the corner and move when the picture is halved.
    m = { a: m.a / 2, b: m.b / 2, c: (m.c - 0.5) / 2, d: m.d / 2, e: m.e / 2, f: (m.f - 0.5) / 2 };
  }
  return sample(source, m, size);
};

/** Samples a square of the picture as `size` x `size` pixels. */
export const warpSquare = (picture: Pixels, { x, y, width }: Box, size: number): Pixels => {
  const scale = width / size;
  // The offset from the square's corner to the centre of its first pixel.
  const half = scale / 2 - 0.5;
  return warp(picture, { a: scale, b: 0, c: x + half, d: 0, e: scale, f: y + half }, size);
};

const scaleOf = ({ a, b, d, e }: Affine): number => Math.sqrt(Math.abs(a * e - b * d));

/** Copies the part of the picture that the map covers, and adapts the map; never empty. */
const cutOut = (picture: Pixels, m: Affine, size: number): { source: Pixels; m: Affine } => {
  const last = size - 1;
  const xs = [m.c, m.c + m.a * last, m.c + m.b * last, m.c + (m.a + m.b) * last];
  const ys = [m.f, m.f + m.d * last, m.f + m.e * last, m.f + (m.d + m.e) * last];
  const margin = 2 * scaleOf(m);
  const bound = (value: number, limit: number) => Math.max(0, Math.min(limit, Math.round(value)));
  const x0 = bound(Math.min(...xs) - margin, picture.width - 1) & ~7;
  const y0 = bound(Math.min(...ys) - margin, picture.height - 1) & ~7;
  const width = Math.max(1, bound(Math.max(...xs) + margin, picture.width) - x0);
  const height = Math.max(1, bound(Math.max(...ys) + margin, picture.height) - y0);
  return { source: cut(picture, x0, y0, width, height), m: { ...m, c: m.c - x0, f: m.f - y0 } };
};

const sample = (source: Pixels, { a, b, c, d, e, f }: Affine, size: number): Pixels => {
  const out = new Uint8Array(size * size * 3);
  const { data, width, height } = source;
  const stride = width * 3;
  for (let row = 0, to = 0; row < size; row++) {
    let x = b * row + c;
    let y = e * row + f;
    for (let column = 0; column < size; column++, to += 3, x += a, y += d) {
      const x0 = Math.floor(x);
      const y0 = Math.floor(y);
      if (x0 < -1 || y0 < -1 || x0 >= width || y0 >= height) continue;
      const fx = x - x0;
      const fy = y - y0;
      // The weights of the four neighbours: 0 for those outside the source, whose index then refers to a pixel
      // inside.
      const left = x0 < 0 ? 0 : 1 - fx;
      const right = x0 + 1 < width ? fx : 0;
      const top = y0 < 0 ? 0 : 1 - fy;
      const bottom = y0 + 1 < height ? fy : 0;
      const i = Math.max(0, y0) * stride + Math.max(0, x0) * 3;
      const dx = right !== 0 && x0 >= 0 ? 3 : 0;
      const dy = bottom !== 0 && y0 >= 0 ? stride : 0;
      for (let k = 0; k < 3; k++) {
        const upper = data[i + k]! * left + data[i + dx + k]! * right;
        const lower = data[i + dy + k]! * left + data[i + dx + dy + k]! * right;
        out[to + k] = upper * top + lower * bottom + 0.5;
      }
    }
  }
  return { data: out, width: size, height: size };
};
