import { formatOf } from '../vision/format.ts';

/**
 * Whether a file ends where its format says that it does; false while it is still written, or if it was cut off. What
 * follows the end, as some cameras append, does not count. True for a file that is none of the photos that are read: nothing
 * is known of its end.
 */
export const isWholePhoto = (bytes: Buffer): boolean => {
  const format = formatOf(bytes);
  if (format === 'jpeg') return hasEndOfJpeg(bytes);
  if (format === 'png') return bytes.lastIndexOf('IEND') + 8 <= bytes.length && bytes.includes('IEND');
  if (format === 'webp') return bytes.length >= 8 + bytes.readUInt32LE(4);
  if (format === 'avif' || format === 'heic') return hasWholeBoxes(bytes);
  return bytes.length > 0;
};

/** Whether the end marker follows the picture. That of a thumbnail, which is within a segment before it, does not count. */
const hasEndOfJpeg = (bytes: Buffer): boolean => {
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda)
    at += 2 + bytes.readUInt16BE(at + 2);
  return at < bytes.length && bytes.indexOf('ffd9', at, 'hex') !== -1;
};

/** Whether the last box of an ISO base media file is all there. */
const hasWholeBoxes = (bytes: Buffer): boolean => {
  let at = 0;
  while (at + 8 <= bytes.length) {
    const length = bytes.readUInt32BE(at);
    // 0: to the end of the file; 1: the length has 64 bits and follows.
    if (length === 0) return true;
    if (length === 1 && at + 16 > bytes.length) return false;
    at += length === 1 ? Number(bytes.readBigUInt64BE(at + 8)) : Math.max(length, 8);
  }
  return at === bytes.length;
};
