import type { ImageFormat } from './inspect.ts';

/** What decoding a photo takes beyond a few rows at a time, as its header tells. */
export interface DecodingCost {
  /** Memory that the decoder holds at once; 0 where it reads row by row, as most files allow. */
  readonly bytes: number;
  /** Passes over the whole picture: scans of a JPEG that keeps its coefficients, passes of an interlaced PNG, else 1. */
  readonly scans: number;
  /** Compressed bytes that the decoder would read for nothing, as there are more than pixels to fill; PNG only. */
  readonly surplus: number;
}

/**
 * Reads what decoding a photo costs, without decoding it.
 *
 * Measured for 8000 x 8000 pixels, MB above the process at rest (estimate): baseline JPEG 13 (0), progressive JPEG 4:2:0
 * 196 (192) and 4:4:4 379 (384), PNG 49 (0), interlaced PNG 8 bits RGB 219 (256) and 16 bits RGBA 557 (512), lossy WebP 19
 * (0), with alpha 77 (64), lossless WebP 252 (256).
 *
 * @param bytes of a file of that format; of a broken one the estimate is too low, and decoding it fails.
 */
export const decodingCost = (bytes: Uint8Array, format: ImageFormat): DecodingCost => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (format === 'jpeg') return costOfJpeg(view);
  if (format === 'png') return costOfPng(view);
  return costOfWebp(view);
};

/** As libjpeg does: with more than one scan the coefficients of the whole picture are kept, two bytes each. */
const costOfJpeg = (view: DataView): DecodingCost => {
  let frame: { progressive: boolean; components: number; bytes: number } | undefined;
  let scans = 0;
  for (const { marker, at } of jpegSegments(view)) {
    if (isFrame(marker)) frame ??= readFrame(view, at, marker);
    if (marker !== 0xda || !frame) continue;
    scans += 1;
    if (!frame.progressive && view.getUint8(at + 2) >= frame.components)
      return { bytes: 0, scans: 1, surplus: 0 };
  }
  return { bytes: frame?.bytes ?? 0, scans, surplus: 0 };
};

/** SOF0 to SOF15, without DHT, JPG and DAC, which lie among them. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

const readFrame = (view: DataView, at: number, marker: number) => {
  const [height, width, components] = [view.getUint16(at + 3), view.getUint16(at + 5), view.getUint8(at + 7)];
  const sampling = Array.from({ length: components }, (_, index) => view.getUint8(at + 9 + 3 * index));
  const [across, down] = [sampling.map((byte) => byte >> 4), sampling.map((byte) => byte & 15)];
  const samples = across.reduce((sum, h, index) => sum + h * down[index]!, 0);
  const share = samples / (Math.max(...across) * Math.max(...down));
  return { progressive: (marker & 3) === 2, components, bytes: 2 * Math.ceil(width * height * share) };
};

/** The segments of a JPEG up to the end of the picture; `at` is where their length stands. What is broken ends it. */
function* jpegSegments(view: DataView): Generator<{ marker: number; at: number }> {
  let at = 2;
  while (at + 12 < view.byteLength) {
    if (view.getUint8(at) !== 0xff) return;
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) at += 1;
    else if (marker === 0xd9) return;
    else {
      const length = view.getUint16(at + 2);
      if (isFrame(marker) && at + 2 + length > view.byteLength) return;
      yield { marker, at: at + 2 };
      at += 2 + length;
      if (marker === 0xda) at = afterEntropyData(view, at);
    }
  }
}

/** Where the next marker stands that is neither a stuffed FF nor a restart. */
const afterEntropyData = (view: DataView, from: number): number => {
  for (let at = from; at + 1 < view.byteLength; at++) {
    if (view.getUint8(at) !== 0xff) continue;
    const next = view.getUint8(at + 1);
    if (next !== 0 && next !== 0xff && (next < 0xd0 || next > 0xd7)) return at;
  }
  return view.byteLength;
};

/** An interlaced PNG is read into memory whole; seven passes. A palette becomes RGB with alpha. */
const costOfPng = (view: DataView): DecodingCost => {
  if (view.byteLength < 33) return { bytes: 0, scans: 1, surplus: 0 };
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const [depth, colour, interlaced] = [view.getUint8(24), view.getUint8(25), view.getUint8(28) !== 0];
  const stored = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }[colour] ?? 4;
  const rows = height * (1 + Math.ceil((width * stored * depth) / 8));
  let compressed = 0;
  for (let at = 8; at + 12 <= view.byteLength; at += 12 + view.getUint32(at)) {
    if (view.getUint32(at + 4) === 0x49444154) compressed += view.getUint32(at);
  }
  return {
    // Transparency may be added to gray and RGB: four channels for three.
    bytes: interlaced ? width * height * (stored === 2 ? 2 : 4) * (depth === 16 ? 2 : 1) : 0,
    scans: interlaced ? 7 : 1,
    surplus: Math.max(0, compressed - 2 * rows - 65_536),
  };
};

/** Lossless WebP is decoded whole, and so is the alpha of a lossy one. */
const costOfWebp = (view: DataView): DecodingCost => {
  const four = (at: number) => (at + 4 <= view.byteLength ? view.getUint32(at) : 0);
  const extended = four(12) === 0x56503858;
  const alpha = extended && (view.getUint8(20) & 0x10) !== 0;
  for (let at = 12; at + 18 <= view.byteLength; ) {
    const length = view.getUint32(at + 4, true);
    if (four(at) === 0x5650384c) {
      const bits = view.getUint32(at + 9, true);
      const pixels = ((bits & 0x3fff) + 1) * (((bits >> 14) & 0x3fff) + 1);
      return { bytes: 4 * pixels, scans: 1, surplus: 0 };
    }
    if (four(at) === 0x56503820) {
      const pixels = (view.getUint16(at + 14, true) & 0x3fff) * (view.getUint16(at + 16, true) & 0x3fff);
      return { bytes: alpha ? pixels : 0, scans: 1, surplus: 0 };
    }
    at += 8 + length + (length & 1);
  }
  return { bytes: 0, scans: 1, surplus: 0 };
};
