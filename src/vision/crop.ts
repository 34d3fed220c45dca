import sharp from 'sharp';
import { VisionError } from './errors.ts';
import type { Pixels } from './types.ts';

/**
 * Encodes an aligned crop for storage: JPEG, quality 95, full colour resolution.
 *
 * EER and TAR on the ORL portraits are the same for PNG, lossless WebP and JPEG, and JPEG 95 has a fifth of the bytes
 * of PNG: 4.6 kB, 1.2 ms to encode and 1.0 ms to decode, least cosine with the raw crop's vector 0.9982 over 423
 * crops. Not 90, because the crops are also shown to people.
 */
export const encodeCrop = (crop: Pixels): Promise<Uint8Array> =>
  sharp(crop.data, { raw: { width: crop.width, height: crop.height, channels: 3 } })
    .jpeg({ quality: 95, chromaSubsampling: '4:4:4' })
    .toBuffer();

/** Decodes a stored crop. Throws `image_corrupt` unless it is a picture of `size` x `size`. */
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
