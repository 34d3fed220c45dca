import sharp from 'sharp';
import { decode } from './decode.ts';
import type { Box, Pixels } from './types.ts';

/** Red within white is seen on every ground. */
const red = [212, 32, 26] as const;
const white = [255, 255, 255] as const;

/**
 * Draws boxes into a photo. Into its pixels, because libvips is not allowed to read SVG here.
 *
 * @param boxes in pixels of the upright full-size photo, as they are stored with a face.
 * @param side the longer side of the result at most, in pixels.
 * @returns a JPEG, upright, in sRGB.
 * @throws {VisionError} what `decode` throws.
 */
export const drawBoxes = async (bytes: Uint8Array, boxes: readonly Box[], side = 1600): Promise<Buffer> => {
  const { picture, scale } = await decode(bytes, {}, side);
  const { data, width, height } = picture;
  const thick = Math.max(2, Math.round(Math.max(width, height) / 400));
  for (const box of boxes) {
    const [left, top] = [Math.round(box.x / scale), Math.round(box.y / scale)];
    const [right, bottom] = [
      Math.round((box.x + box.width) / scale),
      Math.round((box.y + box.height) / scale),
    ];
    frame(picture, { left, top, right, bottom }, 2 * thick, white);
    frame(picture, { left, top, right, bottom }, thick, red);
  }
  return sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 88 })
    .toBuffer();
};

/** Draws the four sides of a rectangle, with their middle on its edge. */
const frame = (
  picture: Pixels,
  { left, top, right, bottom }: { left: number; top: number; right: number; bottom: number },
  thick: number,
  colour: readonly [number, number, number],
): void => {
  const half = Math.floor(thick / 2);
  const [x0, x1, y0, y1] = [left - half, right + half, top - half, bottom + half];
  fill(picture, x0, y0, x1, y0 + thick, colour);
  fill(picture, x0, y1 - thick, x1, y1, colour);
  fill(picture, x0, y0, x0 + thick, y1, colour);
  fill(picture, x1 - thick, y0, x1, y1, colour);
};

const fill = (
  { data, width, height }: Pixels,
  x0: number,
  y0: number,
  x1: number,
  y1: number,
  colour: readonly [number, number, number],
): void => {
  for (let y = Math.max(0, y0); y < Math.min(height, y1); y++)
    for (let x = Math.max(0, x0); x < Math.min(width, x1); x++) data.set(colour, (y * width + x) * 3);
};
