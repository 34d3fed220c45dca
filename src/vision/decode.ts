import sharp, { type FailOnOptions, type Sharp } from 'sharp';
import { limits as table } from '../limits.ts';
import { isSrgb, pngWithProfile } from './colour-profile.ts';
import { mostDecodingBytes } from './cost.ts';
import { type Damage, hasRows, isDamage, measureDamage } from './damage.ts';
import { VisionError } from './errors.ts';
import type { ImageFormat } from './format.ts';
import { decodeHeic, heicDecoder, heicDecoderBytes } from './heic.ts';
import { firstLine, type ImageHeader, type ImageLimits, inspect } from './inspect.ts';
import { turnUpright } from './orient.ts';
import type { Pixels, Rotation } from './types.ts';

// Every picture is decoded once, so a cache of operations would only grow.
sharp.cache(false);
// One libvips thread for each picture, because several are decoded concurrently.
sharp.concurrency(1);

/**
 * The default longer side of the decoded picture, in pixels; the least usable face (48 pixels) is then a
 * twenty-seventh of the frame.
 */
export const decodedSide = 1280;

/** Black or white would have hard edges that a detector may take for a face. */
const gray = '#808080';

/** A decoded picture for the detectors, and its relation to the file. */
export interface Decoded {
  header: ImageHeader;
  /** Upright; its longer side is at most the requested one; never enlarged. */
  picture: Pixels;
  /** Pixels of the upright full-size picture for one pixel of `picture`. */
  scale: number;
  /** What is wrong with the file; undefined: it is whole. */
  damage: Damage | undefined;
}

/**
 * Inspects a photo, then decodes it, converts it to sRGB and shrinks it in one pipeline, which lets a JPEG shrink
 * during decoding, and rotates it upright. Transparent parts get a background. Of a JPEG or PNG that is cut off or broken, what can be decoded is
 * returned with its damage; only then the file is decoded twice.
 *
 * Throws what `inspectImage` throws, `image_corrupt` for a file of which nothing can be decoded, and `image_too_slow`
 * for one that takes longer than allowed. libvips checks the time between rows, so the work before the first row is
 * never interrupted: all of a lossless WebP, an interlaced PNG, a progressive JPEG or an AVIF. Terminating the thread
 * would not help, as Node.js waits for it. `inspectImage` bounds the cost of that part instead.
 *
 * @param wanted.side the longer side of the decoded picture at most, in pixels.
 * @param wanted.background the color of transparent parts.
 * @param wanted.rotation by which the photo is turned on top of its own orientation.
 */
export const decode = async (
  bytes: Uint8Array,
  limits: ImageLimits = {},
  { side = decodedSide, background = gray, rotation = 0 }: Partial<Wanted> & { rotation?: Rotation } = {},
): Promise<Decoded> => {
  const { header, orientation, profile } = await inspect(bytes, limits, rotation);
  const seconds = limits.decodingSeconds ?? table.decodingSeconds.max;
  try {
    if (header.format === 'heic') {
      const [width, height] =
        orientation >= 5 ? [header.height, header.width] : [header.width, header.height];
      const maxBytes = mostDecodingBytes(limits.maxPixels ?? table.photoPixels.max) + heicDecoderBytes;
      const decoder = limits.heicDecoder ?? heicDecoder;
      const data = await decodeHeic({ bytes, width, height, decoder, maxBytes }, seconds);
      const stored = await shrinkRaw({ data, width, height }, { side, background }, profile);
      const picture = turnUpright(stored, orientation);
      return { header, picture, scale: header.width / picture.width, damage: undefined };
    }
    const ignoreIcc = profile !== undefined && isSrgb(profile);
    const open = (failOn: FailOnOptions) =>
      sharp(bytes, { failOn, limitInputPixels: false, ignoreIcc }).timeout({ seconds });
    const { stored, hasWarning, isDamaged } = await shrinkStored(open, bytes, header.format, {
      side,
      background,
    });
    // Rotated after shrinking: sharp's own rotation would decode the full picture before it checks the time.
    const picture = turnUpright(stored, orientation);
    const scale = header.width / picture.width;
    if (!hasWarning) return { header, picture, scale, damage: undefined };
    const measured = measureDamage(stored, header.format, scale, orientation);
    if (!measured) throw new Error('nothing of the picture is left');
    // What the picture shows counts too: libvips has one text of errors for all threads, and that of a warning may be lost.
    const damage = isDamaged || measured.undecodedShare > 0 ? measured : undefined;
    return { header, picture, scale, damage };
  } catch (error) {
    throw asVisionError(error, seconds);
  }
};

/** The stored picture, shrunk, whether its decoder warned, and whether the warning says that pixels are wrong or missing. */
const shrinkStored = async (
  open: (failOn: FailOnOptions) => Sharp,
  bytes: Uint8Array,
  format: ImageFormat,
  wanted: Wanted,
): Promise<{ stored: Pixels; hasWarning: boolean; isDamaged: boolean }> => {
  try {
    // Of a JPEG even a warning may mean wrong pixels. Those of other formats are about metadata, which are invalid in
    // many good photos.
    const stored = await shrink(open(format === 'jpeg' ? 'warning' : 'error'), wanted);
    return { stored, hasWarning: false, isDamaged: false };
  } catch (error) {
    if (isTimeout(error) || !hasRows(bytes, format)) throw error;
    const stored = await shrink(open('none'), wanted);
    return { stored, hasWarning: true, isDamaged: format !== 'jpeg' || isDamage(error) };
  }
};

/** How a picture is to come out. */
interface Wanted {
  side: number;
  background: string;
}

const shrink = async (picture: Sharp, { side, background }: Wanted): Promise<Pixels> => {
  const { data, info } = await picture
    .resize(side, side, { fit: 'inside', withoutEnlargement: true })
    .flatten({ background })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  return { data: threeChannels(data, info.channels), width: info.width, height: info.height };
};

/** As shrink, of RGBA in the colours of a profile. */
const shrinkRaw = async (
  { data, width, height }: Pixels,
  wanted: Wanted,
  profile: Uint8Array | undefined,
): Promise<Pixels> => {
  const shrunk = await shrink(sharp(data, { raw: { width, height, channels: 4 } }), wanted);
  if (profile === undefined || isSrgb(profile)) return shrunk;
  return shrink(sharp(await pngWithProfile(shrunk, profile)), wanted);
};

const isTimeout = (error: unknown): boolean => /^timeout:/m.test((error as Error).message);

const asVisionError = (error: unknown, seconds: number): VisionError => {
  if (error instanceof VisionError) return error;
  if (isTimeout(error)) {
    return new VisionError(
      'image_too_slow',
      `Decoding the photo took more than ${seconds} s and was stopped. Submit a smaller one, or a baseline JPEG.`,
      { cause: error },
    );
  }
  return new VisionError('image_corrupt', `The photo cannot be decoded: ${firstLine(error)}.`, {
    cause: error,
  });
};

/** libvips may return gray pictures with one channel. */
const threeChannels = (data: Uint8Array, channels: number): Uint8Array => {
  if (channels === 3) return data;
  const pixels = data.length / channels;
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) rgb.fill(data[i * channels]!, i * 3, i * 3 + 3);
  return rgb;
};
