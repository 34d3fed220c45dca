/** The extension of a file of each format that is read. HEIC is read if `heic-decode` is installed. */
const extensionOf = {
  jpeg: '.jpg',
  png: '.png',
  webp: '.webp',
  avif: '.avif',
  heic: '.heic',
} as const;

/** Formats that are read. */
export type ImageFormat = keyof typeof extensionOf;

/** The formats that are read, in words. */
export const formatNames = 'JPEG, PNG, WebP, AVIF or HEIC';

/** Formats recognised by their first bytes; GIF only so that an animated one gets its own error. */
type SniffedFormat = ImageFormat | 'gif' | null;

const startsWith = (bytes: Uint8Array, text: string, at = 0): boolean => {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
};

/**
 * The format by its magic number, whatever the file name; null for any other format, also for the videos and raw
 * photos that share the container of AVIF and HEIC.
 *
 * @param bytes the first 256 bytes of a file, or more.
 */
export const formatOf = (bytes: Uint8Array): SniffedFormat => {
  if (startsWith(bytes, '\xff\xd8\xff')) return 'jpeg';
  if (startsWith(bytes, '\x89PNG\r\n\x1a\n')) return 'png';
  if (startsWith(bytes, 'RIFF') && startsWith(bytes, 'WEBP', 8)) return 'webp';
  if (startsWith(bytes, 'GIF87a') || startsWith(bytes, 'GIF89a')) return 'gif';
  const brands = brandsOf(bytes);
  if (brands.some((brand) => avifBrands.has(brand))) return 'avif';
  if (brands.some((brand) => heicBrands.has(brand))) return 'heic';
  return null;
};

const avifBrands = new Set(['avif', 'avis']);
/** Still pictures in HEVC and sequences of them, and `mif1`, `msf1`: the container, whatever the codec. */
const heicBrands = new Set(['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'mif1', 'msf1']);
/** Major brands of sequences. */
const sequenceBrands = new Set(['avis', 'hevc', 'hevx', 'msf1']);

/** The brands that the first box of an ISO base media file lists, the major one first; none for other files. */
const brandsOf = (bytes: Uint8Array): string[] => {
  if (!startsWith(bytes, 'ftyp', 4)) return [];
  const length = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
  const brandAt = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4));
  const brands = [brandAt(8)];
  for (let at = 16; at + 4 <= Math.min(length, bytes.length, 256); at += 4) brands.push(brandAt(at));
  return brands;
};

/** Whether the container declares more than one frame. Reads headers only. */
export const isAnimated = (bytes: Uint8Array, format: SniffedFormat): boolean => {
  if (format === 'webp') return startsWith(bytes, 'VP8X', 12) && ((bytes[20] ?? 0) & 0x02) !== 0;
  if (format === 'png') return hasAnimationControl(bytes);
  if (format === 'gif') return gifFrames(bytes, 2) === 2;
  if (format === 'avif' || format === 'heic') return sequenceBrands.has(brandsOf(bytes)[0]!);
  return false;
};

/** An animated PNG has an acTL chunk before its first IDAT. */
const hasAnimationControl = (bytes: Uint8Array): boolean => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; at + 8 <= bytes.length; at += 12 + view.getUint32(at)) {
    if (startsWith(bytes, 'acTL', at + 4)) return true;
    if (startsWith(bytes, 'IDAT', at + 4)) return false;
  }
  return false;
};

/** Counts the frames of a GIF, up to `enough`, by its blocks. */
const gifFrames = (bytes: Uint8Array, enough: number): number => {
  const colours = (flags: number) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  const afterSubBlocks = (from: number): number => {
    let at = from;
    while (bytes[at]) at += bytes[at]! + 1;
    return at + 1;
  };
  let frames = 0;
  let at = 13 + colours(bytes[10] ?? 0);
  while (at < bytes.length && frames < enough) {
    if (bytes[at] === 0x21) at = afterSubBlocks(at + 2);
    else if (bytes[at] === 0x2c) {
      frames++;
      at = afterSubBlocks(at + 11 + colours(bytes[at + 9] ?? 0));
    } else break;
  }
  return frames;
};
