import { constants, crc32, deflateRawSync } from 'node:zlib';
import sharp from 'sharp';
import { sample } from './photos.ts';

/** Small files that are expensive to decode. */

/** What a PNG announces; bits a sample, and a colour type: 0 gray, 2 RGB, 6 RGB with alpha. */
interface Announced {
  readonly width: number;
  readonly height: number;
  readonly depth?: 8 | 16;
  readonly colour?: 0 | 2 | 6;
  readonly interlaced?: boolean;
  /** Bytes of the picture, all 0; what its size takes unless given. */
  readonly bytes?: number;
  /** Whether it has an EXIF orientation of 90 degrees. */
  readonly turned?: true;
}

const chunk = (type: string, data: Uint8Array): Buffer => {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [head, tail] = [Buffer.alloc(4), Buffer.alloc(4)];
  head.writeUInt32BE(data.length);
  tail.writeUInt32BE(crc32(body));
  return Buffer.concat([head, body, tail]);
};

const mebibyte = 2 ** 20;

/** As many zeros, compressed; whole mebibytes of them, of which a decoder takes what it needs. */
const zeros = (count: number): Buffer => {
  const one = deflateRawSync(Buffer.alloc(mebibyte), { finishFlush: constants.Z_FULL_FLUSH });
  const times = Math.ceil(count / mebibyte);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt16BE((times * mebibyte) % 65_521, 0);
  checksum.writeUInt16BE(1, 2);
  return Buffer.concat([Buffer.from([0x78, 0x9c]), ...Array(times).fill(one), Buffer.from([3, 0]), checksum]);
};

const turn = Buffer.from('4d4d002a00000008000101120003000000010006000000000000', 'hex');

/** A black PNG, of a thousandth of the bytes that it decodes to. */
export const blackPng = (picture: Announced): Buffer => {
  const { width, height, depth = 8, colour = 2, interlaced = false } = picture;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colour, 0, 0, interlaced ? 1 : 0], 8);
  const row = 1 + (width * { 0: 1, 2: 3, 6: 4 }[colour] * depth) / 8;
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    ...(picture.turned ? [chunk('eXIf', turn)] : []),
    chunk('IDAT', zeros(picture.bytes ?? row * height * (interlaced ? 1.1 : 1))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
};

/** Sample 1 as a progressive JPEG whose last scan is there again and again, until it has as many. */
export const manyScans = async (scans: number): Promise<Buffer> => {
  const jpeg = await sharp(sample(1)).jpeg({ progressive: true }).toBuffer();
  const starts: number[] = [];
  for (let at = jpeg.indexOf(startOfScan); at >= 0; at = jpeg.indexOf(startOfScan, at + 2)) starts.push(at);
  const end = jpeg.length - 2;
  const last = jpeg.subarray(starts.at(-1), end);
  return Buffer.concat([
    jpeg.subarray(0, end),
    ...Array(scans - starts.length).fill(last),
    jpeg.subarray(end),
  ]);
};

const startOfScan = Buffer.from([0xff, 0xda]);
