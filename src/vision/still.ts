import sharp from 'sharp';
import { limits as table } from '../limits.ts';
import { type ImageLimits, inspect } from './inspect.ts';

/** A picture shrunk to {@link sketchWidth} x {@link sketchHeight} grey pixels, 0 to 255, rows packed. */
export type Sketch = Uint8Array;

/** A face of 48 pixels in a frame of 1280 x 720 is four pixels high in a sketch, so that a turn of the head shows. */
const sketchWidth = 96;
const sketchHeight = 54;

/**
 * Shrinks a photo to a small grey picture, as it is stored (not turned upright): in a fraction of the time of decoding it, because
 * a JPEG is shrunk while it is decoded.
 *
 * @returns null: the file is one that the pipeline refuses or cannot decode, or a HEIC photo, which has no cheap way.
 */
export const sketchOf = async (bytes: Uint8Array, limits: ImageLimits = {}): Promise<Sketch | null> => {
  try {
    const { header } = await inspect(bytes, limits);
    if (header.format === 'heic') return null;
    return await sharp(bytes, { failOn: 'warning', limitInputPixels: false })
      .timeout({ seconds: limits.decodingSeconds ?? table.decodingSeconds.max })
      .resize(sketchWidth, sketchHeight, { fit: 'fill', kernel: 'linear' })
      .flatten()
      .greyscale()
      .raw({ depth: 'uchar' })
      .toBuffer();
  } catch {
    return null;
  }
};

/** How much two sketches differ: the largest mean difference of a square of 3 x 3 pixels, 0 to 255. */
export const differenceOf = (a: Sketch, b: Sketch): number => {
  let most = 0;
  for (let y = 0; y + 3 <= sketchHeight; y++) {
    for (let x = 0; x + 3 <= sketchWidth; x++) {
      let sum = 0;
      for (let row = 0; row < 3; row++) {
        const at = (y + row) * sketchWidth + x;
        for (let i = at; i < at + 3; i++) sum += Math.abs((a[i] as number) - (b[i] as number));
      }
      if (sum > most) most = sum;
    }
  }
  return most / 9;
};
