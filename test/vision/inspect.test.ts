import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { decode } from '../../src/vision/decode.ts';
import { inspectImage } from '../../src/vision/inspect.ts';
import { rotations } from '../../src/vision/types.ts';
import { samplePhoto } from './support.ts';

const text = (content: string): Uint8Array => new TextEncoder().encode(content);

/** A chunk of a PNG file. */
const chunk = (type: string, data: Uint8Array): Buffer => {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(data.length);
  const tail = Buffer.alloc(4);
  tail.writeUInt32BE(crc32(body));
  return Buffer.concat([head, body, tail]);
};

/** A PNG that declares a size and has almost no data, like a decompression bomb. */
const announcedPng = (width: number, height: number): Buffer => {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  const data = Buffer.from('789c030000000001', 'hex');
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ]);
};

/** A black frame above a gray one, which sharp writes as an animation (equal frames it would merge). */
const frames = () =>
  sharp(Buffer.alloc(32 * 64 * 3).fill(90, 32 * 32 * 3), {
    raw: { width: 32, height: 64, channels: 3, pageHeight: 32 },
  });

const photo = (width = 64, height = 48) =>
  sharp({ create: { width, height, channels: 3, background: '#357' } });

const animatedPng = async (): Promise<Buffer> => {
  const png = await photo().png().toBuffer();
  const afterHeader = 8 + 12 + 13;
  const control = chunk('acTL', Buffer.from([0, 0, 0, 2, 0, 0, 0, 0]));
  return Buffer.concat([png.subarray(0, afterHeader), control, png.subarray(afterHeader)]);
};

describe('inspectImage refuses', () => {
  test.each<[string, string, () => Promise<Uint8Array> | Uint8Array]>([
    ['image_empty', 'no bytes', () => new Uint8Array()],
    ['image_format_unsupported', 'text', () => text('this is not a photo, whatever its name says')],
    [
      'image_format_unsupported',
      'an SVG',
      () => text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
    ],
    ['image_format_unsupported', 'a PDF', () => text('%PDF-1.7\n1 0 obj\n')],
    ['image_format_unsupported', 'a TIFF', () => photo().tiff().toBuffer()],
    ['image_format_unsupported', 'a still GIF', () => photo().gif().toBuffer()],
    [
      'image_animated',
      'an animated GIF',
      () =>
        frames()
          .gif({ delay: [100, 100] })
          .toBuffer(),
    ],
    [
      'image_animated',
      'an animated WebP',
      () =>
        frames()
          .webp({ delay: [100, 100] })
          .toBuffer(),
    ],
    ['image_animated', 'an animated PNG', animatedPng],
    ['image_too_many_pixels', 'a PNG of 196 megapixels', () => announcedPng(14_000, 14_000)],
    ['image_corrupt', 'a JPEG cut in its header', async () => (await samplePhoto(1)).subarray(0, 12)],
    [
      'image_corrupt',
      'a PNG cut in its header',
      async () => (await photo().png().toBuffer()).subarray(0, 20),
    ],
  ])('with %s: %s', async (code, _, make) => {
    const bytes = await make();
    await expect(inspectImage(bytes)).rejects.toMatchObject({ name: 'VisionError', code });
    await expect(decode(bytes)).rejects.toMatchObject({ code });
  });

  test('more pixels than its limit', async () => {
    const png = await photo(100, 100).png().toBuffer();
    await expect(inspectImage(png, { maxPixels: 9_999 })).rejects.toMatchObject({
      code: 'image_too_many_pixels',
    });
    await expect(inspectImage(png, { maxPixels: 10_000 })).resolves.toMatchObject({ width: 100 });
  });
});

describe('inspectImage returns', () => {
  test.each(['jpeg', 'png', 'webp', 'avif'] as const)('format and size of a %s', async (format) => {
    const bytes = await photo(64, 48).toFormat(format).toBuffer();
    expect(await inspectImage(bytes)).toEqual({ format, width: 64, height: 48 });
  });

  test('the size after the EXIF rotation', async () => {
    const lying = await photo(64, 48).withMetadata({ orientation: 8 }).jpeg().toBuffer();
    expect(await inspectImage(lying)).toEqual({ format: 'jpeg', width: 48, height: 64 });
  });
});

describe('decode', () => {
  test('accepts trailing bytes and unusual metadata, as phones write them', async () => {
    const jpeg = await photo()
      .withExif({ IFD0: { Artist: 'nobody' } })
      .jpeg()
      .toBuffer();
    const { picture } = await decode(Buffer.concat([jpeg, Buffer.alloc(1000)]));
    expect([picture.width, picture.height]).toEqual([64, 48]);
  });

  test('shrinks the longer side to 1280 and returns the scale', async () => {
    const { picture, scale, header } = await decode(await photo(1920, 960).jpeg().toBuffer());
    expect([picture.width, picture.height, scale, header.width]).toEqual([1280, 640, 1.5, 1920]);
    expect(picture.data).toHaveLength(1280 * 640 * 3);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'turns a photo upright as sharp does, by EXIF orientation %i',
    async (orientation) => {
      const stored = await sharp(await samplePhoto(1))
        .resize(60, 40, { fit: 'fill' })
        .withMetadata({ orientation })
        .png()
        .toBuffer();
      const upright = await sharp(stored).autoOrient().raw().toBuffer({ resolveWithObject: true });
      const { picture } = await decode(stored);
      expect([picture.width, picture.height]).toEqual([upright.info.width, upright.info.height]);
      expect(Buffer.from(picture.data).equals(upright.data)).toBe(true);
    },
  );

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'turns it further than EXIF orientation %i says, by quarter turns',
    async (orientation) => {
      const stored = await sharp(await samplePhoto(1))
        .resize(60, 40, { fit: 'fill' })
        .withMetadata({ orientation })
        .png()
        .toBuffer();
      const upright = await sharp(stored).autoOrient().png().toBuffer();
      for (const rotation of rotations) {
        const turned = await sharp(upright).rotate(rotation).raw().toBuffer({ resolveWithObject: true });
        const { picture, header } = await decode(stored, {}, { rotation });
        expect([picture.width, picture.height]).toEqual([turned.info.width, turned.info.height]);
        expect([header.width, header.height]).toEqual([turned.info.width, turned.info.height]);
        expect(Buffer.from(picture.data).equals(turned.data)).toBe(true);
      }
    },
  );

  test('puts gray behind transparent parts', async () => {
    const clear = await sharp({
      create: { width: 8, height: 8, channels: 4, background: { r: 255, g: 0, b: 0, alpha: 0 } },
    })
      .png()
      .toBuffer();
    const { picture } = await decode(clear);
    expect([...picture.data.subarray(0, 3)]).toEqual([128, 128, 128]);
  });
});
