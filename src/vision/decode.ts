import sharp from 'sharp';
import { limits as table } from '../limits.ts';
import { isSrgb } from './colour-profile.ts';
import { VisionError } from './errors.ts';
import { firstLine, type ImageHeader, type ImageLimits, inspect } from './inspect.ts';
import { turnUpright } from './orient.ts';
import type { Pixels } from './types.ts';

// Every picture is decoded once: a cache of operations would only grow.
sharp.cache(false);
// One libvips thread a picture, as several are in flight: a group photo cost 101 ms of CPU with one, 110 with two.
sharp.concurrency(1);

/** Longer side of the decoded picture by default; a face of 48 px in it is a twenty-seventh of the frame. */
export const decodedSide = 1280;

/** A picture ready for the detectors, and how it relates to the bytes it came from. */
export interface Decoded {
  header: ImageHeader;
  /** Upright, at most the asked side on its longer side, never enlarged. */
  picture: Pixels;
  /** Pixels of the upright full-size picture for one of `picture`. */
  scale: number;
}

/**
 * Inspects, then decodes, brings to sRGB and shrinks in one pipeline and turns upright, which lets a JPEG
 * shrink while it is being decoded. Transparent parts become mid-gray: black or white would draw hard edges
 * that the detector can take for something.
 *
 * @param side of the decoded picture, the longer one, at most; in pixels.
 *
 * Throws what `inspectImage` throws, `image_corrupt` for a picture cut short or undecodable, and `image_too_slow` for one
 * that takes longer than allowed. libvips checks the time between rows, so what a decoder does before its first row
 * runs to its end: all of a lossless WebP, an interlaced PNG or a progressive JPEG. Ending its thread would wait for
 * that too (Node.js waits for what its pool has begun: 3.8 of 4.8 s in a test). inspectImage bounds that part instead.
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
    // 'error' fails on truncated and broken data and lets warnings pass: odd EXIF or ICC blocks are common
    // in good photos.
    const { data, info } = await sharp(bytes, { failOn: 'error', limitInputPixels: false, ignoreIcc })
      .timeout({ seconds })
      .resize(side, side, { fit: 'inside', withoutEnlargement: true })
      .flatten({ background: '#808080' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const stored = { data: threeChannels(data, info.channels), width: info.width, height: info.height };
    // Turned here, once reduced: sharp would first decode such a photo whole, before it checks the time.
    const picture = turnUpright(stored, orientation);
    return { header, picture, scale: header.width / picture.width };
  } catch (error) {
    if (/^timeout:/m.test((error as Error).message)) {
      throw new VisionError(
        'image_too_slow',
        `Decoding the photo was stopped, as it took more than ${seconds} s. Hand it in smaller, or as a baseline JPEG.`,
        { cause: error },
      );
    }
    throw new VisionError('image_corrupt', `The photo cannot be decoded: ${firstLine(error)}.`, {
      cause: error,
    });
  }
};

/** Gray pictures may leave libvips with one channel. */
const threeChannels = (data: Uint8Array, channels: number): Uint8Array => {
  if (channels === 3) return data;
  const pixels = data.length / channels;
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) rgb.fill(data[i * channels]!, i * 3, i * 3 + 3);
  return rgb;
};
