import sharp from 'sharp';
import { decode } from './decode.ts';
import type { ImageLimits } from './inspect.ts';

/** A picture for a screen. */
export interface Redrawn {
  /** The file: a WebP without metadata. */
  readonly webp: Buffer;
  /** In pixels. */
  readonly width: number;
  readonly height: number;
}

/** 4096 pixels: the text of a floor plan of A1 is legible at 125 dots an inch. */
const longestSide = 4096;

/**
 * Makes a picture that every browser shows of a file: upright, in sRGB, on white, without EXIF and other metadata, its
 * longer side 4096 pixels at most.
 *
 * @throws {VisionError} what `decode` throws.
 */
export const redraw = async (bytes: Uint8Array, limits: ImageLimits = {}): Promise<Redrawn> => {
  const { picture } = await decode(bytes, limits, { side: longestSide, background: '#ffffff' });
  const { data, width, height } = picture;
  const webp = await sharp(data, { raw: { width, height, channels: 3 } })
    .webp({ quality: 90, smartSubsample: true })
    .toBuffer();
  return { webp, width, height };
};
