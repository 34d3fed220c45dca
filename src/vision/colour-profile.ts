import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import type { Pixels } from './types.ts';

/** Primaries of sRGB as ICC profiles hold them, adapted to D50, by tag. */
const primaries = {
  rXYZ: [0.4361, 0.2225, 0.0139],
  gXYZ: [0.3851, 0.7169, 0.0971],
  bXYZ: [0.1431, 0.0606, 0.7141],
} as const;

/** The linear light of the value 0.5 in sRGB. A gamma of 2.2 gives 0.2176, which differs by half an 8-bit step. */
const middle = 0.214;

/** Tolerances for rounding and for the variants of sRGB that other programs write. */
const samePrimary = 0.003;
const sameLight = 0.006;

const tagCountAt = 128;
const firstTagAt = 132;
const tagEntryLength = 12;

/**
 * Whether an ICC profile describes sRGB, so that a conversion would leave the pixels unchanged. Most photos with a
 * profile have this one, and the conversion would take twice as long as all other decoding.
 *
 * False for a profile that is not certainly sRGB, and for a broken one.
 */
export const isSrgb = (profile: Uint8Array): boolean => {
  const view = new DataView(profile.buffer, profile.byteOffset, profile.byteLength);
  try {
    const tags = readTags(view);
    // A lookup table takes precedence over primaries and curves.
    if (textAt(view, 16) !== 'RGB ' || tags.has('A2B0')) return false;
    const samePrimaries = Object.entries(primaries).every(([tag, expected]) => {
      const at = tags.get(tag);
      if (at === undefined) return false;
      return expected.every(
        (value, axis) => Math.abs(fixedAt(view, at + 8 + 4 * axis) - value) <= samePrimary,
      );
    });
    return (
      samePrimaries &&
      ['rTRC', 'gTRC', 'bTRC'].every((tag) => {
        const at = tags.get(tag);
        return at !== undefined && Math.abs(lightOfMiddle(view, at) - middle) <= sameLight;
      })
    );
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
};

/** Offsets of the tags' data, by signature. */
const readTags = (view: DataView): Map<string, number> => {
  const tags = new Map<string, number>();
  const count = Math.min(view.getUint32(tagCountAt), (view.byteLength - firstTagAt) / tagEntryLength);
  for (let index = 0; index < count; index++) {
    const entry = firstTagAt + tagEntryLength * index;
    tags.set(textAt(view, entry), view.getUint32(entry + 4));
  }
  return tags;
};

const textAt = (view: DataView, at: number): string =>
  String.fromCharCode(...[0, 1, 2, 3].map((index) => view.getUint8(at + index)));

/** An s15Fixed16Number. */
const fixedAt = (view: DataView, at: number): number => view.getInt32(at) / 65_536;

/** The value of a tone curve at 0.5; NaN for an unknown type of curve. */
const lightOfMiddle = (view: DataView, at: number): number => {
  const type = textAt(view, at);
  if (type === 'curv') {
    const count = view.getUint32(at + 8);
    if (count === 0) return 0.5;
    if (count === 1) return 0.5 ** (view.getUint16(at + 12) / 256);
    const [low, high] = [Math.floor, Math.ceil].map((round) =>
      view.getUint16(at + 12 + 2 * round((count - 1) / 2)),
    );
    return ((low as number) + (high as number)) / 2 / 65_535;
  }
  if (type !== 'para') return Number.NaN;
  // All five kinds raise (a x + b) to the power g above a small d; kinds 1, 2 and 4 add a constant that is 0 in sRGB.
  const kind = view.getUint16(at + 8);
  const [g, a, b] = [0, 4, 8].map((offset) => fixedAt(view, at + 12 + offset)) as [number, number, number];
  if (kind === 0) return 0.5 ** g;
  return kind === 3 || kind === 4 ? (a * 0.5 + b) ** g : Number.NaN;
};

/** Where the first chunk after the header of a PNG begins. */
const afterHeader = 33;

/** A picture as an uncompressed PNG with a colour profile: libvips takes the profile of pixels from a file only. */
export const pngWithProfile = async (
  { data, width, height }: Pixels,
  profile: Uint8Array,
): Promise<Buffer> => {
  const png = await sharp(data, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 0 })
    .toBuffer();
  // A name, its end, and the number of the only compression there is.
  const body = Buffer.concat([Buffer.from('iCCPprofile\0\0', 'latin1'), deflateSync(profile)]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(body.length - 4);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([png.subarray(0, afterHeader), length, body, checksum, png.subarray(afterHeader)]);
};
