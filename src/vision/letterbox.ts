import sharp from 'sharp';
import type { Pixels } from './types.ts';

/** A picture resized for a detector. If it is padded, it is at the top left. */
export interface Fitted {
  pixels: Pixels;
  /** Source pixels for one pixel of `pixels`. */
  scaleX: number;
  scaleY: number;
}

/**
 * Resizes a picture to fit inside `width` x `height`, keeping its proportions; smaller pictures are enlarged.
 * Shrinking averages over the source pixels (libvips' linear kernel). Runs on a libvips thread.
 */
export const fitInside = async (picture: Pixels, width: number, height: number): Promise<Fitted> => {
  const scale = Math.min(width / picture.width, height / picture.height);
  const w = Math.max(1, Math.round(picture.width * scale));
  const h = Math.max(1, Math.round(picture.height * scale));
  if (w === picture.width && h === picture.height) return { pixels: picture, scaleX: 1, scaleY: 1 };
  const raw = { width: picture.width, height: picture.height, channels: 3 as const };
  const data = await sharp(picture.data, { raw, limitInputPixels: false })
    .resize(w, h, { fit: 'fill', kernel: 'linear' })
    .raw()
    .toBuffer();
  return { pixels: { data, width: w, height: h }, scaleX: picture.width / w, scaleY: picture.height / h };
};

/** Halves a fitted picture by averaging 2 x 2 pixels. */
export const halveFitted = ({ pixels, scaleX, scaleY }: Fitted): Fitted => ({
  pixels: halve(pixels),
  scaleX: scaleX * 2,
  scaleY: scaleY * 2,
});

/** Pads a fitted picture with black to the right and below. */
export const pad = (fitted: Fitted, width: number, height: number): Fitted => {
  const { pixels } = fitted;
  if (pixels.width === width && pixels.height === height) return fitted;
  const data = new Uint8Array(width * height * 3);
  const row = pixels.width * 3;
  for (let y = 0; y < pixels.height; y++) {
    data.set(pixels.data.subarray(y * row, (y + 1) * row), y * width * 3);
  }
  return { ...fitted, pixels: { data, width, height } };
};

/** A rectangle inside the picture; copied, unless it is the whole picture. */
export const cut = (picture: Pixels, x: number, y: number, width: number, height: number): Pixels => {
  if (width === picture.width && height === picture.height) return picture;
  const data = new Uint8Array(width * height * 3);
  for (let row = 0; row < height; row++) {
    const from = ((y + row) * picture.width + x) * 3;
    data.set(picture.data.subarray(from, from + width * 3), row * width * 3);
  }
  return { data, width, height };
};

/** Pads a fitted picture to multiples of 32, the stride of the networks' coarsest grid. */
export const padToCells = (fitted: Fitted): Fitted => {
  const cells = (length: number): number => Math.ceil(length / 32) * 32;
  return pad(fitted, cells(fitted.pixels.width), cells(fitted.pixels.height));
};

/** Averages 2 x 2 pixels; an odd last row or column is dropped, unless it is the only one. */
export const halve = (picture: Pixels): Pixels => {
  const width = Math.max(1, picture.width >> 1);
  const height = Math.max(1, picture.height >> 1);
  const source = picture.data;
  const right = picture.width > 1 ? 3 : 0;
  const stride = picture.width * 3;
  const down = picture.height > 1 ? stride : 0;
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, to = 0; y < height; y++) {
    for (let end = to + width * 3, a = 2 * y * stride; to < end; to += 3, a += 6) {
      const b = a + right;
      const c = a + down;
      const d = b + down;
      data[to] = (source[a]! + source[b]! + source[c]! + source[d]! + 2) >> 2;
      data[to + 1] = (source[a + 1]! + source[b + 1]! + source[c + 1]! + source[d + 1]! + 2) >> 2;
      data[to + 2] = (source[a + 2]! + source[b + 2]! + source[c + 2]! + source[d + 2]! + 2) >> 2;
    }
  }
  return { data, width, height };
};
