import sharp from 'sharp';
import { VisionError } from './errors.ts';
import type { Pixels } from './types.ts';

/**
 * Encodes an aligned crop for storage: JPEG, quality 95, full colour resolution.
 *
 * Means over 423 crops of 112 x 112, encode / decode ms, and the least cosine with the raw crop's vector:
 * PNG level 1 22.8 kB 1.1 / 1.0 1.0; lossless WebP 10.9 kB 1.7 / 2.1 1.0; JPEG 95 4.6 kB 1.2 / 1.0 0.9982;
 * JPEG 90 3.5 kB 1.0 / 1.0 0.9960. EER and TAR on the ORL portraits are the same for all of them, so a
 * fifth of the bytes decides; 95 rather than 90 because people look at these crops too.
 */
export const encodeCrop = (crop: Pixels): Promise<Uint8Array> =>
  sharp(crop.data, { raw: { width: crop.width, height: crop.height, channels: 3 } })
    .jpeg({ quality: 95, chromaSubsampling: '4:4:4' })
    .toBuffer();

/** Decodes a stored crop; throws `image_corrupt` unless it is a picture of `size` x `size`. */
export const decodeCrop = async (bytes: Uint8Array, size: number): Promise<Pixels> => {
  try {
    const { data, info } = await sharp(bytes, { failOn: 'error' })
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    if (info.width === size && info.height === size && info.channels === 3)
      return { data, width: size, height: size };
    throw new Error(
      `it is ${info.width} x ${info.height} with ${info.channels} channels, the embedder takes ${size}`,
    );
  } catch (error) {
    throw new VisionError('image_corrupt', `A stored crop cannot be read: ${(error as Error).message}.`, {
      cause: error,
    });
  }
};
