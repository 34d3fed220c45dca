import sharp from 'sharp';
import { limits as table } from '../limits.ts';
import { isSrgb } from './colour-profile.ts';
import { VisionError } from './errors.ts';
import { firstLine, type ImageHeader, type ImageLimits, inspect } from './inspect.ts';
import { turnUpright } from './orient.ts';
import type { Pixels } from './types.ts';

// Every picture is decoded once, so a cache of operations would only grow.
sharp.cache(false);
// One libvips thread for each picture, because several are decoded concurrently.
sharp.concurrency(1);

/**
 * The default longer side of the decoded picture, in pixels; the least usable face (48 pixels) is then a
 * twenty-seventh of the frame.
 */
export const decodedSide = 1280;

/** A decoded picture for the detectors, and its relation to the file. */
export interface Decoded {
  header: ImageHeader;
  /** Upright; its longer side is at most the requested one; never enlarged. */
  picture: Pixels;
  /** Pixels of the upright full-size picture for one pixel of `picture`. */
  scale: number;
}

/**
 * Inspects a photo, then decodes it, converts it to sRGB and shrinks it in one pipeline, which lets a JPEG shrink
 * during decoding, and rotates it upright. Transparent parts become mid-gray, because black or white would have hard
 * edges that a detector may take for a face.
 *
 * Throws what `inspectImage` throws, `image_corrupt` for a file that is truncated or cannot be decoded, and
 * `image_too_slow` for one that takes longer than allowed. libvips checks the time between rows, so the work before
 * the first row is never interrupted: all of a lossless WebP, an interlaced PNG or a progressive JPEG. Terminating
 * the thread would not help, as Node.js waits for it. `inspectImage` bounds the cost of that part instead.
 *
 * @param side the longer side of the decoded picture at most, in pixels.
 */
export const decode = async (
  bytes: Uint8Array,
  limits: ImageLimits = {},
  side = decodedSide,
): Promise<Decoded> => {
  const { header, orientation, profile } = await inspect(bytes, limits);
  const ignoreIcc = profile !== undefined && isSrgb(profile);
  const seconds = limits.decodingSeconds ?? table.decodingSeconds.max;
  try {
    // 'error' rejects truncated and broken data and accepts warnings: invalid EXIF or ICC blocks are common in good
    // photos.
    const { data, info } = await sharp(bytes, { failOn: 'error', limitInputPixels: false, ignoreIcc })
      .timeout({ seconds })
      .resize(side, side, { fit: 'inside', withoutEnlargement: true })
      .flatten({ background: '#808080' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const stored = { data: threeChannels(data, info.channels), width: info.width, height: info.height };
    // Rotated after shrinking: sharp's own rotation would decode the full picture before it checks the time.
    const picture = turnUpright(stored, orientation);
    return { header, picture, scale: header.width / picture.width };
  } catch (error) {
    if (/^timeout:/m.test((error as Error).message)) {
      throw new VisionError(
        'image_too_slow',
        `Decoding the photo took more than ${seconds} s and was stopped. Submit a smaller one, or a baseline JPEG.`,
        { cause: error },
      );
    }
    throw new VisionError('image_corrupt', `The photo cannot be decoded: ${firstLine(error)}.`, {
      cause: error,
    });
  }
};

/** libvips may return gray pictures with one channel. */
const threeChannels = (data: Uint8Array, channels: number): Uint8Array => {
  if (channels === 3) return data;
  const pixels = data.length / channels;
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) rgb.fill(data[i * channels]!, i * 3, i * 3 + 3);
  return rgb;
};
