import type { ImageFormat } from './format.ts';
import type { Box, Pixels } from './types.ts';

/** The part of an upright picture that could be decoded, in its pixels; at the picture's own edges it is unbounded. */
interface DecodedPart {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** How a broken file was decoded. */
export interface Damage {
  /**
   * The share of the picture that could not be decoded, 0 to less than 1. It is 0 if only the end of the file is
   * missing, and if data within it are wrong, which moves or recolours what follows.
   */
  readonly undecodedShare: number;
  readonly part: DecodedPart;
}

/**
 * Whether what is left of a broken file can be decoded: rows of a JPEG, and of a PNG that is not interlaced (one that
 * is has single pixels of many rows). A WebP, AVIF or HEIC that is cut off yields nothing.
 */
export const hasRows = (bytes: Uint8Array, format: ImageFormat): boolean =>
  format === 'jpeg' || (format === 'png' && bytes[28] === 0);

/**
 * Warnings of libjpeg that mean wrong or missing data. The others (bytes between segments, parameters of a scan, unknown
 * versions) are written by many cameras, and the picture is whole.
 */
const wrongData = /premature end|bad Huffman code|instead of RST|error in|libpng|pngload|vipspng/i;

/** Whether the error of a decoder that stops at any warning means that pixels are wrong or missing. */
export const isDamage = (error: unknown): boolean => wrongData.test((error as Error).message);

/** The height of a row of blocks in a JPEG whose colours are halved; the last row before a cut is partly decoded. */
const blockHeight = 16;
/** Rows into which the kernel that shrinks a picture carries its neighbours. */
const kernelRows = 3;
/** How far a pixel may be from its neighbours, and from the value of a decoder, which a colour profile changes. */
const [sameValue, nearFill] = [2, 12];

/**
 * Measures what is missing at the end of a picture as stored. A picture whose own last rows are of the colour by which
 * its decoder fills what is missing is taken to miss them; there is no face in them.
 *
 * @param format of the file, by which the colour is known.
 * @param scale pixels of the full-size picture for one of `picture`.
 * @param orientation the EXIF orientation by which the picture is to be turned, 1 to 8.
 * @returns undefined if nothing was decoded.
 */
export const measureDamage = (
  picture: Pixels,
  format: ImageFormat,
  scale: number,
  orientation: number,
): Damage | undefined => {
  const { height } = picture;
  const rows = height - filledRows(picture, format);
  if (rows === height) return { undecodedShare: 0, part: everything };
  const sound = rows - Math.ceil(blockHeight / scale) - kernelRows;
  if (sound <= 0) return undefined;
  return {
    undecodedShare: 1 - rows / height,
    part: { ...everything, ...boundAfter(sound, height, orientation) },
  };
};

const everything: DecodedPart = {
  left: Number.NEGATIVE_INFINITY,
  top: Number.NEGATIVE_INFINITY,
  right: Number.POSITIVE_INFINITY,
  bottom: Number.POSITIVE_INFINITY,
};

/** Where the first `rows` rows of a stored picture end when it is turned upright. */
const boundAfter = (rows: number, height: number, orientation: number): Partial<DecodedPart> => {
  if (orientation === 3 || orientation === 4) return { top: height - rows };
  if (orientation === 5 || orientation === 8) return { right: rows };
  if (orientation === 6 || orientation === 7) return { left: height - rows };
  return { bottom: rows };
};

/** libjpeg fills what is missing with gray; libpng with black, which is gray where there is transparency. */
const fills = (format: ImageFormat): readonly number[] => (format === 'png' ? [0, 128] : [128]);

/** The rows at the end of a picture that have one colour, by which its decoder fills what is missing. */
const filledRows = ({ data, width, height }: Pixels, format: ImageFormat): number => {
  const last = data.length - 3;
  const isFill = fills(format).some((fill) =>
    [0, 1, 2].every((c) => Math.abs(data[last + c]! - fill) <= nearFill),
  );
  if (!isFill) return 0;
  let at = last;
  const isAlike = () =>
    Math.abs(data[at]! - data[last]!) <= sameValue &&
    Math.abs(data[at + 1]! - data[last + 1]!) <= sameValue &&
    Math.abs(data[at + 2]! - data[last + 2]!) <= sameValue;
  while (at >= 0 && isAlike()) at -= 3;
  return height - Math.ceil((at / 3 + 1) / width);
};

/** Whether a box lies within the decoded part. It may extend beyond the picture's own edges. */
export const liesIn = ({ x, y, width, height }: Box, part: DecodedPart): boolean =>
  x >= part.left && y >= part.top && x + width <= part.right && y + height <= part.bottom;
