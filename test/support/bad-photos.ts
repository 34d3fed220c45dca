import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { sample } from './photos.ts';

/** Files that are submitted as photos and are invalid or unusual. All are written by real encoders. */

/** A text file that is named .jpg. */
export const textFile = (): Buffer => Buffer.from('Dear Sir or Madam, please find enclosed no photo at all.');

export const svg = (): Buffer =>
  Buffer.from(
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
  );

/** A JPEG up to the first byte of its picture. */
export const headerOf = (jpeg: Buffer): Buffer => {
  const scan = jpeg.indexOf(Buffer.from([0xff, 0xda]));
  return jpeg.subarray(0, scan + 2 + jpeg.readUInt16BE(scan + 2));
};

/** A JPEG whose upload broke off behind its header: it passes for a photo until it is decoded. */
export const truncatedJpeg = (): Buffer => headerOf(sample(1));

/** The first part of a file. */
export const cutAt = (share: number, file: Buffer): Buffer =>
  file.subarray(0, Math.floor(share * file.length));

/** Two different frames, which sharp writes as an animation. */
export const animatedWebp = (): Promise<Buffer> =>
  sharp(Buffer.alloc(32 * 64 * 3).fill(90, 32 * 32 * 3), {
    raw: { width: 32, height: 64, channels: 3, pageHeight: 32 },
  })
    .webp({ delay: [100, 100] })
    .toBuffer();

const chunk = (type: string, data: Buffer): Buffer => {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
};

/** A decompression bomb: 14000 x 14000 black pixels in 24 kB, 588 MB when decoded to RGB. */
export const hugePng = (): Buffer => {
  const side = 14_000;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([1, 0, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.alloc(side * (1 + side / 8)), { level: 1 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
};

/** Sample 1 in CMYK. */
export const cmykJpeg = (): Promise<Buffer> => sharp(sample(1)).toColourspace('cmyk').jpeg().toBuffer();

/** Sample 1 rotated by 90 degrees, with the EXIF orientation that turns it upright. */
export const rotatedJpeg = (): Promise<Buffer> =>
  sharp(sample(1)).rotate(270).jpeg({ quality: 95 }).withMetadata({ orientation: 6 }).toBuffer();

/** A valid photo without faces. */
export const emptySky = (): Promise<Buffer> =>
  sharp({ create: { width: 640, height: 480, channels: 3, background: '#5a8fd0' } })
    .jpeg()
    .toBuffer();
