import { limits } from '../limits.ts';
import type { ImageFormat } from './format.ts';

/** The cost of decoding a photo, estimated from its headers. */
interface DecodingCost {
  /** Memory that the decoder needs for the whole picture; 0 if it decodes row by row, as for most files. */
  readonly bytes: number;
  /**
   * Passes over the whole picture: the scans of a JPEG that keeps its coefficients, the passes of an interlaced PNG,
   * otherwise 1.
   */
  readonly scans: number;
  /** Compressed bytes beyond what the pixels can need, which the decoder would read for nothing; PNG only. */
  readonly surplus: number;
}

/**
 * Estimates the cost of decoding a photo without decoding it.
 *
 * The estimates are within 17% of the memory measured for 8000 x 8000 pixels: progressive JPEG 4:2:0 196 MB (estimate
 * 192), interlaced PNG of 8 bits RGB 219 (256) and 16 bits RGBA 557 (512), lossless WebP 252 (256). Formats that are
 * decoded row by row took 13 to 49 MB.
 *
 * @param bytes of a file of that format. For a broken file the estimate is too low, and decoding it fails.
 */
export const decodingCost = (bytes: Uint8Array, format: ImageFormat): DecodingCost => {
  if (format === 'jpeg') return costOfJpeg(bytes);
  if (format === 'png') return costOfPng(bytes);
  if (format === 'webp') return costOfWebp(bytes);
  return costOfHeif(bytes, format);
};

/**
 * The memory allowed for decoding one photo, in bytes: six for each allowed pixel, enough for a progressive JPEG
 * without subsampling or an interlaced PNG of 16 bits.
 */
export const mostDecodingBytes = (maxPixels: number): number =>
  (limits.decodedBytes.max / limits.photoPixels.max) * maxPixels;

const rowByRow: DecodingCost = { bytes: 0, scans: 1, surplus: 0 };

// Reads beyond the end of the file give 0: the decoder refuses a broken file.
const byteAt = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0;
const shortAt = (bytes: Uint8Array, at: number): number => byteAt(bytes, at) * 256 + byteAt(bytes, at + 1);
const wordAt = (bytes: Uint8Array, at: number): number =>
  shortAt(bytes, at) * 65_536 + shortAt(bytes, at + 2);
/** The same in little-endian order. */
const shortFromLow = (bytes: Uint8Array, at: number): number =>
  byteAt(bytes, at) + byteAt(bytes, at + 1) * 256;
const wordFromLow = (bytes: Uint8Array, at: number): number =>
  shortFromLow(bytes, at) + shortFromLow(bytes, at + 2) * 65_536;

/** Like libjpeg: with more than one scan, the coefficients of the whole picture are kept, two bytes each. */
const costOfJpeg = (bytes: Uint8Array): DecodingCost => {
  let frame: ReturnType<typeof readFrame> | undefined;
  let scans = 0;
  for (const { marker, at } of jpegSegments(bytes)) {
    if (isFrame(marker)) frame ??= readFrame(bytes, at, marker);
    if (marker !== 0xda || !frame) continue;
    scans += 1;
    if (!frame.progressive && byteAt(bytes, at + 2) >= frame.components) return rowByRow;
  }
  return { bytes: frame?.bytes ?? 0, scans, surplus: 0 };
};

/** SOF0 to SOF15, without DHT, JPG and DAC, whose codes lie in the same range. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

const readFrame = (bytes: Uint8Array, at: number, marker: number) => {
  const [height, width] = [shortAt(bytes, at + 3), shortAt(bytes, at + 5)];
  const components = byteAt(bytes, at + 7);
  const sampling = Array.from({ length: components }, (_, index) => byteAt(bytes, at + 9 + 3 * index));
  const across = sampling.map((byte) => byte >> 4);
  const down = sampling.map((byte) => byte & 15);
  const samples = across.reduce((sum, h, index) => sum + h * down[index]!, 0);
  const share = samples / Math.max(1, Math.max(0, ...across) * Math.max(0, ...down));
  return { progressive: (marker & 3) === 2, components, bytes: 2 * Math.ceil(width * height * share) };
};

/**
 * The segments of a JPEG up to the end of the picture; `at` is the offset of their length. Like libjpeg it skips
 * bytes between segments that belong to none; otherwise one such byte would hide all later scans.
 */
function* jpegSegments(bytes: Uint8Array): Generator<{ marker: number; at: number }> {
  for (let at = nextMarker(bytes, 2); at < bytes.length; ) {
    const marker = byteAt(bytes, at + 1);
    if (marker === 0xd9) return;
    yield { marker, at: at + 2 };
    at = nextMarker(bytes, at + 2 + Math.max(2, shortAt(bytes, at + 2)));
  }
}

/**
 * The offset of the next marker that has a segment: not a stuffed or repeated FF, a restart (D0 to D7) or TEM (01).
 */
const nextMarker = (bytes: Uint8Array, from: number): number => {
  for (
    let at = bytes.indexOf(0xff, from);
    at >= 0 && at + 1 < bytes.length;
    at = bytes.indexOf(0xff, at + 1)
  ) {
    const next = bytes[at + 1]!;
    if (next > 1 && next !== 0xff && (next < 0xd0 || next > 0xd7)) return at;
  }
  return bytes.length;
};

/** Samples a pixel that a PNG stores, by its colour type. */
const storedSamples: Record<number, number> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** An interlaced PNG is decoded into memory as a whole, in seven passes. A palette becomes RGB with alpha. */
const costOfPng = (bytes: Uint8Array): DecodingCost => {
  const [width, height] = [wordAt(bytes, 16), wordAt(bytes, 20)];
  const [depth, interlaced] = [byteAt(bytes, 24), byteAt(bytes, 28) !== 0];
  const stored = storedSamples[byteAt(bytes, 25)] ?? 4;
  const rows = height * (1 + Math.ceil((width * stored * depth) / 8));
  let compressed = 0;
  for (let at = 8; at + 12 <= bytes.length; at += 12 + wordAt(bytes, at)) {
    if (wordAt(bytes, at + 4) === idat) compressed += wordAt(bytes, at);
  }
  return {
    // Transparency may be added to gray and RGB: four channels for three.
    bytes: interlaced ? width * height * (stored === 2 ? 2 : 4) * (depth === 16 ? 2 : 1) : 0,
    scans: interlaced ? 7 : 1,
    // Allows twice the size of the rows: an encoder may store small blocks uncompressed.
    surplus: Math.max(0, compressed - 2 * rows - 65_536),
  };
};

/** Four letters as the big-endian number that they are in a file. */
const wordOf = (letters: string): number => Buffer.from(letters, 'latin1').readUInt32BE();
const [idat, alphaChunk, lossless, lossy] = [
  wordOf('IDAT'),
  wordOf('ALPH'),
  wordOf('VP8L'),
  wordOf('VP8 '),
] as const;

/** Lossless WebP is decoded as a whole, and so is the alpha channel of lossy WebP. */
const costOfWebp = (bytes: Uint8Array): DecodingCost => {
  // Alpha is detected by its chunk, as decoders do: the flag in the header may be missing.
  let alpha = false;
  for (let at = 12; at < bytes.length; ) {
    alpha ||= wordAt(bytes, at) === alphaChunk;
    if (wordAt(bytes, at) === lossless) {
      const bits = wordFromLow(bytes, at + 9);
      return { ...rowByRow, bytes: 4 * ((bits & 0x3fff) + 1) * (((bits >>> 14) & 0x3fff) + 1) };
    }
    if (wordAt(bytes, at) === lossy) {
      const [width, height] = [shortFromLow(bytes, at + 14), shortFromLow(bytes, at + 16)];
      return { ...rowByRow, bytes: alpha ? (width & 0x3fff) * (height & 0x3fff) : 0 };
    }
    const length = wordFromLow(bytes, at + 4);
    at += 8 + length + (length & 1);
  }
  return rowByRow;
};

/**
 * Bytes of memory that decoding takes for each pixel: measured with 12 and 48 megapixels, and for HEIC, whose decoder
 * itself takes 35 MB, with 12 (12.9 bytes). `deep`: of more than 8 bits.
 */
const bytesAPixel = { avif: 18, deepAvif: 24, heic: 14 };

/**
 * AVIF and HEIC are decoded as a whole, and converted in copies. The size is that of the largest picture that the file
 * declares, as coded; a crop may show less of it. The decoders refuse pictures that are larger than declared.
 */
const costOfHeif = (bytes: Uint8Array, format: 'avif' | 'heic'): DecodingCost => {
  let pixels = 0;
  let deep = false;
  for (const at of declarations(bytes, 'ispe'))
    pixels = Math.max(pixels, wordAt(bytes, at + 4) * wordAt(bytes, at + 8));
  for (const at of declarations(bytes, 'av1C')) deep ||= (byteAt(bytes, at + 2) & 0x40) !== 0;
  return { ...rowByRow, bytes: pixels * bytesAPixel[deep ? 'deepAvif' : format] };
};

const metaBox = wordOf('meta');

/** Where the contents of the boxes of a type begin, wherever they are nested in the box `meta`. */
function* declarations(bytes: Uint8Array, type: string): Generator<number> {
  for (const { type: top, from, to } of topBoxes(bytes)) {
    if (top !== metaBox) continue;
    const box = Buffer.from(bytes.buffer, bytes.byteOffset, to);
    for (let at = box.indexOf(type, from); at !== -1; at = box.indexOf(type, at + 4)) {
      // A length of 1 means that the length follows, in eight bytes.
      yield at + (wordAt(bytes, at - 4) === 1 ? 12 : 4);
    }
  }
}

/** The boxes of an ISO base media file, not those within them; `from` and `to` are where their contents lie. */
function* topBoxes(bytes: Uint8Array): Generator<{ type: number; from: number; to: number }> {
  for (let at = 0; at + 8 <= bytes.length; ) {
    const short = wordAt(bytes, at);
    const long = short === 1;
    const length = long ? wordAt(bytes, at + 8) * 2 ** 32 + wordAt(bytes, at + 12) : short;
    // A length of 0 means: to the end of the file.
    const to = Math.min(length === 0 ? bytes.length : at + Math.max(length, 8), bytes.length);
    yield { type: wordAt(bytes, at + 4), from: at + (long ? 16 : 8), to };
    at = to;
  }
}
