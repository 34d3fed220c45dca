import sharp from 'sharp';
import { limits as table } from '../limits.ts';
import { decodingCost, mostDecodingBytes } from './cost.ts';
import { VisionError } from './errors.ts';
import { formatNames, formatOf, type ImageFormat, isAnimated } from './format.ts';
import { heicDecoder, isInstalled } from './heic.ts';
import { orientationAfter } from './orient.ts';
import type { Rotation } from './types.ts';

// Only these four decoders are enabled: libvips chooses the decoder by content, and those for SVG, PDF, TIFF and
// other formats would only be attack surface. Of a HEIC photo libvips reads the header.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: ['VipsForeignLoadJpeg', 'VipsForeignLoadPng', 'VipsForeignLoadWebp', 'VipsForeignLoadHeif'],
});

/** The header of a photo; width and height are those of the upright picture, after its EXIF and further rotation. */
export interface ImageHeader {
  format: ImageFormat;
  width: number;
  height: number;
}

/** Limits for {@link inspectImage} and decoding. */
export interface ImageLimits {
  /** Width times height; `limits.photoPixels` by default. A decoder may need six bytes of memory for each pixel. */
  maxPixels?: number;
  /** Whole seconds after which a decoder is stopped; `limits.decodingSeconds` by default. */
  decodingSeconds?: number;
  /** The package that decodes HEIC photos; `heic-decode` by default. */
  heicDecoder?: string;
}

/**
 * Reads the header of a photo and refuses what the pipeline would refuse, without decoding any pixel.
 *
 * Throws a VisionError: `image_empty`, `image_format_unsupported` (none of the formats that are read by its
 * first bytes, whatever the file name; or HEIC without its decoder), `image_animated`, `image_too_many_pixels`, `image_too_long`, `image_too_narrow`,
 * `image_too_costly`, or `image_corrupt` if the header cannot be read. A file that is truncated after its header
 * passes here and fails when it is decoded.
 *
 * @example
 * const { format, width, height } = await inspectImage(await readFile('door.jpg'));
 */
export const inspectImage = async (bytes: Uint8Array, limits: ImageLimits = {}): Promise<ImageHeader> =>
  (await inspect(bytes, limits)).header;

/** The header, and the metadata that decoding needs. */
interface Inspected {
  header: ImageHeader;
  /** By which the picture is to be turned as its decoder returns it: an EXIF orientation, 1 to 8. */
  orientation: number;
  /** The embedded ICC profile; undefined if there is none. */
  profile: Uint8Array | undefined;
}

/**
 * Like {@link inspectImage}, and also returns the orientation and the colour profile.
 *
 * @param rotation by which the photo is turned on top of its own orientation.
 */
export const inspect = async (
  bytes: Uint8Array,
  limits: ImageLimits = {},
  rotation: Rotation = 0,
): Promise<Inspected> => {
  if (bytes.length === 0) throw new VisionError('image_empty', 'The photo is empty.');
  const format = formatOf(bytes);
  if (isAnimated(bytes, format))
    throw new VisionError(
      'image_animated',
      `This is an animated ${format}, and an animation is not a photo.`,
    );
  if (format === null || format === 'gif') {
    throw new VisionError('image_format_unsupported', `This is not a ${formatNames} photo.`);
  }
  const { heicDecoder: decoder = heicDecoder } = limits;
  if (format === 'heic' && !isInstalled(decoder)) {
    throw new VisionError(
      'image_format_unsupported',
      `This is a HEIC photo. Convert it to JPEG, or install ${decoder} (npm install ${decoder}).`,
    );
  }
  const { orientation, profile, ...size } = await readHeader(bytes);
  const [width, height] = rotation % 180 === 0 ? [size.width, size.height] : [size.height, size.width];
  const maxPixels = limits.maxPixels ?? table.photoPixels.max;
  assertSize(width, height, maxPixels);
  assertAffordable(bytes, format, maxPixels);
  return {
    header: { format, width, height },
    // The decoder of HEIC returns the picture upright.
    orientation: orientationAfter(format === 'heic' ? 1 : orientation, rotation),
    profile,
  };
};

const assertSize = (width: number, height: number, maxPixels: number): void => {
  const size = `The photo has ${width} × ${height} pixels`;
  const [shorter, longer] = [Math.min(width, height), Math.max(width, height)];
  if (width * height > maxPixels) {
    throw new VisionError(
      'image_too_many_pixels',
      `${size}, ${Math.round((width * height) / 1e6)} megapixels; the limit is ${maxPixels / 1e6}.`,
    );
  }
  if (longer > table.photoSide.max) {
    throw new VisionError(
      'image_too_long',
      `${size}; a side may have ${table.photoSide.max}. Submit it in a smaller size.`,
    );
  }
  if (longer > shorter * table.photoAspect.max) {
    throw new VisionError(
      'image_too_narrow',
      `${size}; the longer side may be ${table.photoAspect.max} times the shorter one. Submit a part of it.`,
    );
  }
};

const assertAffordable = (bytes: Uint8Array, format: ImageFormat, maxPixels: number): void => {
  const cost = decodingCost(bytes, format);
  const megabytes = (count: number) => `${Math.round(count / 1e6)} MB`;
  const hint = 'Submit it as a baseline JPEG or as a PNG that is not interlaced.';
  const most = mostDecodingBytes(maxPixels);
  if (cost.bytes > most) {
    throw new VisionError(
      'image_too_costly',
      `Decoding the photo needs ${megabytes(cost.bytes)} of memory; the limit is ${megabytes(most)}. ${hint}`,
    );
  }
  if (cost.scans > table.photoScans.max) {
    throw new VisionError(
      'image_too_costly',
      `The photo has ${cost.scans} scans; the limit is ${table.photoScans.max}. ${hint}`,
    );
  }
  if (cost.surplus > 0) {
    throw new VisionError('image_too_costly', 'The photo has more compressed data than its pixels need.');
  }
};

const readHeader = async (
  bytes: Uint8Array,
): Promise<Omit<Inspected, 'header'> & Omit<ImageHeader, 'format'>> => {
  try {
    // The limit is checked in assertSize, with its own error code.
    const {
      autoOrient,
      orientation = 1,
      icc,
    } = await sharp(bytes, {
      limitInputPixels: false,
      failOn: 'none',
    }).metadata();
    return { width: autoOrient.width, height: autoOrient.height, orientation, profile: icc };
  } catch (error) {
    throw new VisionError('image_corrupt', `The header of the photo cannot be read: ${firstLine(error)}.`, {
      cause: error,
    });
  }
};

/** The first line of a libvips error, which states the cause. */
export const firstLine = (error: unknown): string => (error as Error).message.trim().split('\n')[0] as string;
