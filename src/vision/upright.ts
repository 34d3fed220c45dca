import { limits } from '../limits.ts';
import { VisionError } from './errors.ts';
import { drawBoxes } from './mark.ts';
import { orientationAfter } from './orient.ts';
import type { Rotation } from './types.ts';

/**
 * A stored photo as whoever is given it is to see it. One that is turned is given an EXIF orientation, and its pixels stay as
 * they are; unless it has EXIF data of its own or is no JPEG: then it is encoded again, as a JPEG. What cannot be decoded
 * stays as it is.
 *
 * @param rotation by which it is turned on top of its EXIF orientation.
 */
export const upright = async (bytes: Buffer, rotation: Rotation): Promise<Buffer> => {
  if (rotation === 0) return bytes;
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && !hasExif(bytes))
    return Buffer.concat([bytes.subarray(0, 2), segmentOf(orientationAfter(1, rotation)), bytes.subarray(2)]);
  try {
    return await drawBoxes(bytes, [], { side: limits.photoSide.max, rotation });
  } catch (error) {
    if (error instanceof VisionError) return bytes;
    throw error;
  }
};

/** APP1 with one entry, in big-endian TIFF. */
const segmentOf = (orientation: number): Buffer =>
  Buffer.concat([
    Buffer.from([0xff, 0xe1, 0x00, 0x22]),
    Buffer.from('Exif\0\0MM\0\x2a', 'latin1'),
    Buffer.from([0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0]),
  ]);

const hasExif = (bytes: Buffer): boolean => {
  for (let at = 2; at + 10 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda; ) {
    if (bytes[at + 1] === 0xe1 && bytes.toString('latin1', at + 4, at + 8) === 'Exif') return true;
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return false;
};
