import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { decode } from './decode.ts';
import type { Box, Pixels, Rotation } from './types.ts';

/** Red within white is seen on every ground. */
const red = [212, 32, 26] as const;
const white = [255, 255, 255] as const;

/** Of a package, because a slim container has no fonts. It has Latin, Greek, Cyrillic, Arabic and Hebrew letters. */
const font = fileURLToPath(import.meta.resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf'));

/**
 * Draws boxes into a photo. Into its pixels, because libvips is not allowed to read SVG here.
 *
 * @param boxes in pixels of the upright full-size photo, as they are stored with a face; a label is written at the box.
 * @param wanted.side the longer side of the result at most, in pixels.
 * @param wanted.rotation by which the photo is turned on top of its EXIF orientation.
 * @returns a JPEG, upright, in sRGB.
 * @throws {VisionError} what `decode` throws.
 */
export const drawBoxes = async (
  bytes: Uint8Array,
  boxes: readonly (Box & { readonly label?: string | null })[],
  { side = 1600, rotation = 0 }: { side?: number; rotation?: Rotation } = {},
): Promise<Buffer> => {
  const { picture, scale } = await decode(bytes, {}, { side, rotation });
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
    if (box.label) await write(picture, box.label, { left, top, bottom }, thick);
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

/** Writes a label below a box, or above it where there is no room; red on white, moved to the left if it does not fit. */
const write = async (
  picture: Pixels,
  label: string,
  { left, top, bottom }: { left: number; top: number; bottom: number },
  thick: number,
): Promise<void> => {
  const text = [...label].slice(0, mostLetters).join('');
  const { data, info } = await sharp({
    // 72 dots an inch: a point is a pixel.
    text: { text: escaped(text), font: `DejaVu Sans ${8 * thick}`, fontfile: font, dpi: 72 },
  })
    .extractChannel(0)
    .raw()
    .toBuffer({ resolveWithObject: true });
  const y =
    bottom + thick + info.height + thick <= picture.height ? bottom + thick : top - thick - info.height;
  const [x0, y0] = [Math.max(0, Math.min(left, picture.width - info.width)), Math.max(0, y)];
  fill(picture, x0 - thick, y0 - thick, x0 + info.width + thick, y0 + info.height + thick, white);
  for (let row = 0; row < Math.min(info.height, picture.height - y0); row++) {
    for (let column = 0; column < Math.min(info.width, picture.width - x0); column++) {
      const share = (data[row * info.width + column] as number) / 255;
      const at = ((y0 + row) * picture.width + x0 + column) * 3;
      for (let channel = 0; channel < 3; channel++)
        picture.data[at + channel] = 255 + share * ((red[channel] as number) - 255);
    }
  }
};

/** A name may be longer; then the picture says how it begins. */
const mostLetters = 60;

/** The text is Pango markup. */
const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
