import sharp, { type Sharp } from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodingCost } from '../../src/vision/cost.ts';
import { decode } from '../../src/vision/decode.ts';
import { formatOf } from '../../src/vision/format.ts';
import { decodeHeic, heicDecoder, heicDecoderBytes } from '../../src/vision/heic.ts';
import { inspectImage, iou, type Vision } from '../../src/vision/index.ts';
import { declaring, heicOf, withProperty } from '../support/heic.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';

const small = (): Sharp => sharp(sample(1)).resize(640);
let vision: Vision;
let files: { jpeg: Buffer; avif: Buffer; heic: Buffer };

beforeAll(async () => {
  vision = await realVision();
  const [jpeg, avif, heic] = await Promise.all([
    small().jpeg({ quality: 95 }).toBuffer(),
    small().avif({ effort: 0 }).toBuffer(),
    heicOf(small()),
  ]);
  files = { jpeg, avif, heic };
});

/** The mean of each channel of a decoded photo. */
const colourOf = async (file: Buffer): Promise<number[]> => {
  const { data, width, height } = (await decode(file)).picture;
  const { channels } = await sharp(data, { raw: { width, height, channels: 3 } }).stats();
  return channels.map(({ mean }) => mean);
};
const expectAlike = (one: number[], other: number[]): void => {
  for (const [channel, value] of one.entries()) expect(Math.abs(value - other[channel]!)).toBeLessThan(2);
};

describe.each(['avif', 'heic'] as const)('%s', (format) => {
  it('has the faces, the size and the colours of the same photo as JPEG', async () => {
    const expected = await vision.findFaces(files.jpeg);
    const found = await vision.findFaces(files[format]);
    expect(found).toMatchObject({ format, width: 640, height: 427, undecodedShare: null });
    expect(found.faces.map(({ box }, index) => iou(box, expected.faces[index]!.box) > 0.8)).toEqual([
      true,
      true,
      true,
    ]);
    expectAlike(await colourOf(files[format]), await colourOf(files.jpeg));
  });

  it('is turned further than it says itself, as the camera is mounted', async () => {
    const lying = small().rotate(270);
    const file = format === 'heic' ? await heicOf(lying) : await lying.avif({ effort: 0 }).toBuffer();
    expect(await inspectImage(file)).toMatchObject({ width: 427, height: 640 });
    const { faces, ...found } = await vision.findFaces(file, 'near', 90);
    expect(found).toMatchObject({ format, width: 640, height: 427 });
    const expected = await vision.findFaces(files.jpeg);
    expect(faces.map(({ box }, index) => iou(box, expected.faces[index]!.box) > 0.8)).toEqual([
      true,
      true,
      true,
    ]);
  });

  it('is recognised by its content, and a sequence of it and a video are not taken for a photo', async () => {
    expect(formatOf(files[format])).toBe(format);
    const branded = (brand: string) => {
      const file = Buffer.from(files[format]);
      file.write(brand, 8, 'latin1');
      return file;
    };
    const sequence = branded(format === 'avif' ? 'avis' : 'hevc');
    await expect(inspectImage(sequence)).rejects.toMatchObject({ code: 'image_animated' });
    const video = Buffer.concat([
      Buffer.from('\0\0\0\x18ftypisom\0\0\0\0mp42avc1', 'latin1'),
      files[format].subarray(24),
    ]);
    expect(formatOf(video)).toBeNull();
  });

  it('is refused by the size that it declares, before it is decoded', async () => {
    const declared = inspectImage(declaring(files[format], 6000, 5000));
    await expect(declared).rejects.toMatchObject({ code: 'image_too_costly' });
  });

  it('is refused by its decoder if its picture is larger than declared', async () => {
    const lying = declaring(files[format], 64, 48);
    await expect(decode(lying)).rejects.toMatchObject({ code: 'image_corrupt' });
  });

  it('is refused if it is cut off anywhere', async () => {
    for (const share of [0.01, 0.1, 0.5, 0.99]) {
      const cut = files[format].subarray(0, Math.floor(share * files[format].length));
      await expect(decode(cut), `${share}`).rejects.toMatchObject({ code: 'image_corrupt' });
    }
  });
});

describe('an AVIF', () => {
  it.each([
    ['image_too_long', 30_001, 1500],
    ['image_too_narrow', 9000, 300],
    ['image_too_many_pixels', 9000, 8000],
  ] as const)('is refused for its size as any photo: %s', async (code, width, height) => {
    await expect(inspectImage(declaring(files.avif, width, height))).rejects.toMatchObject({ code });
  });

  it('is rotated upright', async () => {
    const lying = await sharp(await small().rotate(270).toBuffer())
      .withMetadata({ orientation: 6 })
      .avif({ effort: 0 })
      .toBuffer();
    const found = await vision.findFaces(lying);
    expect([found.width, found.height, found.faces.length]).toEqual([640, 427, 3]);
  });

  it('of more than 8 bits costs more memory', async () => {
    const flat = sharp({ create: { width: 64, height: 48, channels: 3, background: '#357' } });
    const costs = [8, 10].map(
      async (bitdepth) =>
        decodingCost(
          await flat
            .clone()
            .avif({ bitdepth: bitdepth as 8 | 10, effort: 0 })
            .toBuffer(),
          'avif',
        ).bytes,
    );
    expect(await Promise.all(costs)).toEqual([18 * 64 * 48, 24 * 64 * 48]);
  });
});

describe('a HEIC', () => {
  it('is rotated upright', async () => {
    const lying = await heicOf(sharp(await small().rotate(270).toBuffer()));
    // In quarters, anticlockwise.
    const found = await vision.findFaces(withProperty(lying, 'irot', Buffer.from([3])));
    expect([found.width, found.height, found.faces.length]).toEqual([640, 427, 3]);
  });

  it('is converted from the colours of its profile', async () => {
    const vivid = await small()
      .modulate({ saturation: 2 })
      .withIccProfile('p3')
      .jpeg({ quality: 95 })
      .toBuffer();
    const { icc } = await sharp(vivid).metadata();
    const inP3 = await sharp(vivid, { ignoreIcc: true }).png().toBuffer();
    const heic = await heicOf(sharp(inP3));
    const profiled = withProperty(heic, 'colr', Buffer.concat([Buffer.from('prof'), icc!]));
    expectAlike(await colourOf(profiled), await colourOf(vivid));
    const [red] = await colourOf(profiled);
    expect(Math.abs(red! - (await colourOf(heic))[0]!)).toBeGreaterThan(2);
  });

  it('is refused by name where its decoder is not installed, with what to do', async () => {
    await expect(inspectImage(files.heic, { heicDecoder: 'no-such-decoder' })).rejects.toMatchObject({
      code: 'image_format_unsupported',
      message: expect.stringMatching(/HEIC photo\. Convert it to JPEG, or install no-such-decoder/),
    });
  });

  it('is stopped when its decoder asks for more memory than allowed, or takes too long', async () => {
    const bytes = await heicOf(small().resize(1600, 1200, { fit: 'fill' }));
    const task = { bytes, width: 1600, height: 1200, decoder: heicDecoder, maxBytes: 0 };
    const refused = decodeHeic(task, 60).then(({ length }) => length);
    await expect(refused).rejects.toMatchObject({ code: 'image_too_costly' });
    const enough = { ...task, maxBytes: heicDecoderBytes };
    await expect(decodeHeic(enough, 0.001)).rejects.toMatchObject({ code: 'image_too_slow' });
    expect((await decodeHeic(enough, 60)).length).toBe(1600 * 1200 * 4);
  });
});
