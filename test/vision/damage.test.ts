import sharp, { type PngOptions } from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { decode } from '../../src/vision/decode.ts';
import { type FoundFaces, iou, type Vision } from '../../src/vision/index.ts';
import { cutAt, headerOf, truncatedJpeg } from '../support/bad-photos.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';
import { cosine } from './support.ts';

let vision: Vision;
/** The faces of sample 1, whose file is whole: three in a row, in the middle of its height. */
let whole: FoundFaces;

beforeAll(async () => {
  vision = await realVision();
  whole = await vision.findFaces(sample(1));
  expect(whole).toMatchObject({ undecodedShare: null, faces: [{}, {}, {}] });
});

/** Expects the same faces, in the same order, and that each is recognised as the same. */
const expectSame = async (found: FoundFaces, expected: FoundFaces): Promise<void> => {
  expect(found.faces.map(({ box }, index) => iou(box, expected.faces[index]!.box) > 0.9)).toEqual(
    expected.faces.map(() => true),
  );
  const [ones, others] = await Promise.all(
    [found, expected].map(({ faces }) => vision.embed(faces.map(({ crop }) => crop))),
  );
  for (const [index, { vector }] of ones!.entries())
    expect(cosine(vector, others![index]!.vector)).toBeGreaterThan(0.98);
};

const bottomOf = ({ box }: FoundFaces['faces'][number]): number => box.y + box.height;

describe('a JPEG without its end marker', () => {
  it('has all its faces and is marked as damaged, with nothing undecoded', async () => {
    const found = await vision.findFaces(sample(1).subarray(0, -2));
    expect(found.undecodedShare).toBe(0);
    await expectSame(found, whole);
  });
});

describe('a JPEG that is cut off', () => {
  it('has the faces of its upper part, recognised as the same, and says how much is missing', async () => {
    const found = await vision.findFaces(cutAt(0.9, sample(1)));
    await expectSame(found, whole);
    expect(found.undecodedShare).toBeGreaterThan(0.02);
    expect(found.undecodedShare).toBeLessThan(0.2);
  });

  it('never has a face that reaches into the missing part, wherever it is cut', async () => {
    const counts = new Set<number>();
    for (let percent = 10; percent < 100; percent += 6) {
      const found = await vision.findFaces(cutAt(percent / 100, sample(1)));
      const bottom = whole.height * (1 - found.undecodedShare!);
      for (const face of found.faces) {
        expect(bottomOf(face), `cut at ${percent}%`).toBeLessThanOrEqual(bottom);
        const same = whole.faces.some(({ box }) => iou(box, face.box) > 0.7);
        expect(same, `cut at ${percent}%: ${JSON.stringify(face.box)}`).toBe(true);
      }
      counts.add(found.faces.length);
    }
    // It was cut above, within and below the faces.
    expect(counts).toContain(0);
    expect(counts).toContain(3);
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'is searched where it is whole, stored in orientation %i',
    async (orientation) => {
      // As stored the faces come first; undoing the rotation puts what is missing on any of the four sides.
      const stored = await sharp(sample(1))
        .resize(640)
        .jpeg({ quality: 95 })
        .withMetadata({ orientation })
        .toBuffer();
      const upright = await decode(stored);
      const cut = await decode(cutAt(0.5, stored));
      expect([cut.picture.width, cut.picture.height]).toEqual([
        upright.picture.width,
        upright.picture.height,
      ]);
      const { part } = cut.damage!;
      const [left, right] = [Math.max(part.left, 0), Math.min(part.right, cut.picture.width)];
      const [top, bottom] = [Math.max(part.top, 0), Math.min(part.bottom, cut.picture.height)];
      const rows = [left, right, top, bottom].every(Number.isInteger) && (right - left) * (bottom - top);
      expect(rows).toBeGreaterThan(0.2 * cut.picture.width * cut.picture.height);
      expect(rows).toBeLessThan(0.8 * cut.picture.width * cut.picture.height);
      for (let y = top; y < bottom; y += 1) {
        const row = (picture: typeof cut.picture) =>
          picture.data.subarray(3 * (y * picture.width + left), 3 * (y * picture.width + right));
        expect(Buffer.compare(row(cut.picture), row(upright.picture)), `row ${y}`).toBe(0);
      }
    },
  );

  it('with several scans has all its faces: the scans that are missing made it sharper', async () => {
    const progressive = await sharp(sample(1)).jpeg({ progressive: true, quality: 90 }).toBuffer();
    const found = await vision.findFaces(cutAt(0.9, progressive));
    expect(found.undecodedShare).toBe(0);
    expect(found.faces).toHaveLength(3);
  });

  it('is refused if nothing of its picture is left', async () => {
    await expect(vision.findFaces(truncatedJpeg())).rejects.toMatchObject({
      code: 'image_corrupt',
      message: expect.stringMatching(/nothing of the picture is left/),
    });
  });

  it('is recognised among others that are decoded at the same time, whose warnings libvips may mix up', async () => {
    const [header, half] = [headerOf(sample(1)), sample(2).subarray(0, sample(2).length / 2)];
    for (let round = 0; round < 10; round++) {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 24 }, (_, index) => decode(index % 2 === 0 ? header : half, {}, { side: 320 })),
      );
      for (const [index, outcome] of outcomes.entries())
        expect(outcome).toMatchObject(
          index % 2 === 0
            ? { status: 'rejected', reason: { code: 'image_corrupt' } }
            : { status: 'fulfilled', value: { damage: { undecodedShare: expect.any(Number) } } },
        );
    }
  });
});

describe('a JPEG with wrong data', () => {
  it('is marked as damaged, though it can be decoded to its end', async () => {
    const jpeg = Buffer.from(sample(1));
    jpeg.fill(0x55, Math.floor(0.7 * jpeg.length), Math.floor(0.7 * jpeg.length) + 40);
    jpeg.set([0xff, 0xd0], Math.floor(0.7 * jpeg.length) + 60);
    expect((await vision.findFaces(jpeg)).undecodedShare).not.toBeNull();
  });
});

describe('a JPEG as cameras write it', () => {
  const jpeg = sample(1);
  const scan = headerOf(jpeg).length;
  const start = jpeg.indexOf(Buffer.from([0xff, 0xda]));
  it.each([
    // The spectral selection of Samsung's baseline JPEGs, which libjpeg warns of.
    [
      'with unusual parameters of its scan',
      () => Buffer.concat([jpeg.subarray(0, scan - 3), Buffer.from([0, 0, 0]), jpeg.subarray(scan)]),
    ],
    [
      'with bytes between its segments',
      () => Buffer.concat([jpeg.subarray(0, start), Buffer.from([0, 0]), jpeg.subarray(start)]),
    ],
    ['with a second picture behind it', () => Buffer.concat([jpeg, sample(2)])],
  ])('%s is whole', async (_, make) => {
    const found = await vision.findFaces(make());
    expect(found.undecodedShare).toBeNull();
    await expectSame(found, whole);
  });

  it('is whole in the dark too, with bytes between its segments', async () => {
    const dark = await sharp({ create: { width: 320, height: 240, channels: 3, background: '#080808' } })
      .jpeg()
      .toBuffer();
    const at = dark.indexOf(Buffer.from([0xff, 0xda]));
    const decoded = await decode(
      Buffer.concat([dark.subarray(0, at), Buffer.from([0, 0]), dark.subarray(at)]),
    );
    expect(decoded).toMatchObject({ header: { width: 320 }, damage: undefined });
  });
});

describe('a PNG that is cut off', () => {
  const png = (options: PngOptions = {}) =>
    sharp(sample(1))
      .resize(640)
      .png({ compressionLevel: 1, ...options })
      .toBuffer();

  it('has the faces of its upper part', async () => {
    const uncut = await vision.findFaces(await png());
    const found = await vision.findFaces(cutAt(0.85, await png()));
    await expectSame(found, uncut);
    expect(found.undecodedShare).toBeGreaterThan(0.05);
    expect(found.undecodedShare).toBeLessThan(0.3);
  });

  it('never has a face that reaches into the missing part', async () => {
    const file = await png();
    const { faces } = await vision.findFaces(file);
    for (let percent = 15; percent < 100; percent += 12) {
      const found = await vision.findFaces(cutAt(percent / 100, file));
      for (const face of found.faces) {
        expect(
          faces.some(({ box }) => iou(box, face.box) > 0.7),
          `cut at ${percent}%`,
        ).toBe(true);
      }
    }
  });

  it('is refused if it is interlaced, as single pixels of many rows are missing', async () => {
    await expect(decode(cutAt(0.85, await png({ progressive: true })))).rejects.toMatchObject({
      code: 'image_corrupt',
    });
  });
});

describe('a photo of another format that is cut off', () => {
  it.each(['webp', 'avif'] as const)('is refused: %s', async (format) => {
    const file = await sharp(sample(1)).resize(640).toFormat(format).toBuffer();
    await expect(decode(cutAt(0.9, file))).rejects.toMatchObject({ code: 'image_corrupt' });
  });
});
