import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import type { Vision } from '../../src/vision/index.ts';
import { headerOf } from '../support/bad-photos.ts';
import type { Random } from './random.ts';

/** A photo to submit. */
export interface Photo {
  readonly bytes: Buffer;
  /** null: it is invalid. */
  readonly faces: number | null;
  /** Whether the API refuses it at once, so that it can only be inserted by SQL. */
  readonly refusedAtOnce: boolean;
}

/** Small group photos: 18 of real people, and three that are invalid. */
export interface Album {
  /** The photo that enrols Ada, who is its second face from the left. */
  readonly ada: Buffer;
  /** Those with faces. */
  readonly good: readonly Photo[];
  /** A photo, as bytes that were never submitted before. */
  take(random: Random, marker: string): Photo & { readonly sha256: string };
}

/**
 * Reduces the six group photos of the tests to 320, 400 and 480 pixels, which take a detector some 20 ms, and counts
 * their faces with the very models the workers use.
 */
export const prepareAlbum = async (vision: Vision): Promise<Album> => {
  const good: Photo[] = [];
  const originals: Buffer[] = [];
  for (const number of [1, 2, 3, 4, 5, 6]) {
    const file = fileURLToPath(import.meta.resolve(`@vladmandic/face-api/demo/sample${number}.jpg`));
    const original = await readFile(file);
    originals.push(original);
    for (const width of [320, 400, 480]) {
      const bytes = await sharp(original).resize(width).jpeg({ quality: 85 }).toBuffer();
      const { faces } = await vision.findFaces(bytes);
      good.push({ bytes, faces: faces.length, refusedAtOnce: false });
    }
  }
  const whole = good[1] as Photo;
  const bad: Photo[] = [
    // Its header is valid; only decoding shows that the picture is missing.
    { bytes: headerOf(whole.bytes), faces: null, refusedAtOnce: false },
    { bytes: Buffer.from('This is a letter and not a photo. '), faces: null, refusedAtOnce: true },
    { bytes: Buffer.alloc(3000, 7), faces: null, refusedAtOnce: true },
  ];
  return {
    ada: originals[2] as Buffer,
    good,
    take(random, marker) {
      const photo = random.pick(random.chance(0.03) ? bad : good) as Photo;
      return marked(photo, marker);
    },
  };
};

/** The same photo as bytes of its own, by which it is known. */
export const marked = (photo: Photo, marker: string) => {
  const bytes = mark(photo.bytes, marker);
  return { ...photo, bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
};

/** The same photo with unique bytes: a comment segment after the start of a JPEG, bytes at the end of the rest. */
const mark = (bytes: Buffer, marker: string): Buffer => {
  const word = Buffer.from(marker);
  if (bytes.readUInt16BE(0) !== 0xffd8) return Buffer.concat([bytes, word]);
  const segment = Buffer.from([0xff, 0xfe, (word.length + 2) >> 8, (word.length + 2) & 255]);
  return Buffer.concat([bytes.subarray(0, 2), segment, word, bytes.subarray(2)]);
};
