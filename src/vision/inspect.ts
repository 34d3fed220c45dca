import sharp from 'sharp';
import { VisionError } from './errors.ts';
import { formatOf, isAnimated } from './format.ts';

// The decoders for SVG, PDF, TIFF, camera formats and the rest are attack surface nobody needs here; and
// libvips would pick them by content whatever the file is called.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({ operation: ['VipsForeignLoadJpeg', 'VipsForeignLoadPng', 'VipsForeignLoadWebp'] });

/** Formats that are read. */
export type ImageFormat = 'jpeg' | 'png' | 'webp';

/** What the header says; width and height are those of the upright picture, after its EXIF rotation. */
export interface ImageHeader {
  format: ImageFormat;
  width: number;
  height: number;
}

/** Limits to what {@link inspectImage} lets through. */
export interface ImageLimits {
  /** Width times height; 64 megapixels unless told. */
  maxPixels?: number;
}

/** 64 megapixels: above every phone's default mode, and 200 MB decoded, which one process can hold. */
export const defaultMaxPixels = 64_000_000;

/**
 * Reads a picture's header and refuses what the pipeline would refuse; never decodes a pixel.
 *
 * Throws a VisionError: `image_empty`, `image_format_unsupported` (not a JPEG, PNG or WebP by its first
 * bytes, whatever the name), `image_animated`, `image_too_many_pixels`, or `image_corrupt` when the header
 * cannot be read. A file cut short after its header passes here and fails when decoded.
 *
 * @example
 * const { format, width, height } = await inspectImage(await readFile('door.jpg'));
 */
export const inspectImage = async (bytes: Uint8Array, limits: ImageLimits = {}): Promise<ImageHeader> =>
  (await inspect(bytes, limits)).header;

/** As {@link inspectImage}, with the ICC profile that the picture carries. */
export const inspect = async (
  bytes: Uint8Array,
  limits: ImageLimits = {},
): Promise<{ header: ImageHeader; profile: Uint8Array | undefined }> => {
  if (bytes.length === 0) throw new VisionError('image_empty', 'The photo is empty.');
  const format = formatOf(bytes);
  if (isAnimated(bytes, format))
    throw new VisionError(
      'image_animated',
      `This is an animated ${format}, and an animation is not a photo.`,
    );
  if (format !== 'jpeg' && format !== 'png' && format !== 'webp') {
    throw new VisionError('image_format_unsupported', 'This is not a JPEG, PNG or WebP photo.');
  }
  const { width, height, profile } = await readHeader(bytes);
  const maxPixels = limits.maxPixels ?? defaultMaxPixels;
  if (width * height > maxPixels) {
    throw new VisionError(
      'image_too_many_pixels',
      `The photo has ${width} × ${height} pixels, ${Math.round((width * height) / 1e6)} megapixels; the limit is ${maxPixels / 1e6}.`,
    );
  }
  return { header: { format, width, height }, profile };
};

const readHeader = async (
  bytes: Uint8Array,
): Promise<{ width: number; height: number; profile: Uint8Array | undefined }> => {
  try {
    // The limit is checked by us, so that it has a code of its own.
    const { autoOrient, icc } = await sharp(bytes, { limitInputPixels: false }).metadata();
    return { width: autoOrient.width, height: autoOrient.height, profile: icc };
  } catch (error) {
    throw new VisionError(
      'image_corrupt',
      `The header of the photo cannot be read: ${(error as Error).message.trim().split('\n')[0]}.`,
      {
        cause: error,
      },
    );
  }
};
