import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { modelsDirectory, sha256 } from '../../models/files.ts';
import { decode } from '../../src/vision/decode.ts';
import { openUltraFace } from '../../src/vision/detectors/ultraface.ts';
import { priorBox } from '../../src/vision/detectors/ultraface-priors.ts';
import { openYuNet } from '../../src/vision/detectors/yunet.ts';
import { loadVision } from '../../src/vision/index.ts';
import { iou } from '../../src/vision/nms.ts';
import { loadVisionThreads } from '../../src/vision/threads.ts';
import type { Detection, Detector, Pixels } from '../../src/vision/types.ts';
import { cosine, sampleFaces, samplePhoto, yunetWeights } from './support.ts';

const openOurYuNet = yunetWeights ? () => openYuNet(yunetWeights!) : null;
const variants: { name: string; open: (() => Promise<Detector>) | null }[] = [
  { name: 'UltraFace', open: () => openUltraFace(modelsDirectory()) },
  { name: 'YuNet (skipped where ../shared/models is not at hand)', open: openOurYuNet },
];

const leftToRight = (found: Detection[]): Detection[] => found.toSorted((a, b) => a.box.x - b.box.x);

const resized = async (
  width: number,
  height: number,
  place?: { left: number; top: number },
): Promise<Pixels> => {
  let image = sharp(await samplePhoto(3)).resize(960, 675);
  if (place) {
    image = image.extend({
      ...place,
      right: width - 960 - place.left,
      bottom: height - 675 - place.top,
      background: '#444',
    });
  } else {
    image = image.resize(width, height, { fit: 'fill' });
  }
  const data = await image.removeAlpha().raw().toBuffer();
  return { data, width, height };
};

describe.each(variants)('$name', ({ open }) => {
  let detector: Detector;
  const detect = async (picture: Pixels): Promise<Detection[]> => (await detector.detect(picture)).faces;
  beforeAll(async () => {
    if (open) detector = await open();
  });
  afterAll(() => detector?.close());

  test.skipIf(!open).each([1, 2, 3, 4, 5, 6])('finds every face of sample photo %i once', async (number) => {
    const { picture } = await decode(await samplePhoto(number));
    const found = await detect(picture);
    expect(found).toHaveLength(sampleFaces[number - 1]!);
    for (const [index, { box, score }] of found.entries()) {
      expect(score > 0.5 && score <= 1).toBe(true);
      expect(box.height).toBeGreaterThan(48);
      for (const other of found.slice(index + 1)) expect(iou(box, other.box)).toBeLessThan(0.4);
    }
  });

  test.skipIf(!open)('gives boxes in pixels of the picture, whatever its size', async () => {
    const small = leftToRight(await detect(await resized(640, 450)));
    const large = leftToRight(await detect(await resized(1280, 900)));
    expect(small).toHaveLength(3);
    for (const [index, { box }] of large.entries()) {
      const { x, y, width, height } = small[index]!.box;
      expect(iou(box, { x: 2 * x, y: 2 * y, width: 2 * width, height: 2 * height })).toBeGreaterThan(0.8);
    }
  });

  test.skipIf(!open)('gives the same boxes for upright, wide and padded pictures', async () => {
    const expected = leftToRight(await detect(await resized(960, 675)));
    for (const [width, height] of [
      [960, 1100],
      [1280, 675],
    ] as const) {
      const place = { left: width - 960, top: height - 675 };
      const found = leftToRight(await detect(await resized(width, height, place)));
      expect(found).toHaveLength(3);
      for (const [index, { box }] of found.entries()) {
        const moved = { ...box, x: box.x - place.left, y: box.y - place.top };
        expect(iou(moved, expected[index]!.box)).toBeGreaterThan(0.75);
      }
    }
  });

  test.skipIf(!open).each([
    [1, 1],
    [3, 500],
    [800, 600],
  ])('finds nothing in %i x %i of gray', async (width, height) => {
    const gray = { data: new Uint8Array(width * height * 3).fill(128), width, height };
    expect(await detector.detect(gray)).toEqual({ faces: [], suggestsSmaller: false });
    expect(await detector.detectSmall(gray, 1)).toEqual([]);
  });

  test.skipIf(!open)('lists its weights', () => {
    expect(detector.models.length).toBeGreaterThan(0);
    for (const model of detector.models) {
      expect(model).toMatchObject({ id: detector.id, role: 'detector', dimension: null });
      expect(model.sha256).toMatch(/^[0-9a-f]{64}$/);
    }
  });
});

/** Sample 3 in so many pixels of width, in the middle of a gray scene. */
const farAway = async (across: number, width: number, height: number): Promise<Pixels> => {
  const crowd = await sharp(await samplePhoto(3))
    .resize(across)
    .toBuffer();
  const data = await sharp({ create: { width, height, channels: 3, background: '#888' } })
    .composite([{ input: crowd, gravity: 'centre' }])
    .removeAlpha()
    .raw()
    .toBuffer();
  return { data, width, height };
};

describe.each(variants)('small faces and $name', ({ open }) => {
  let detector: Detector;
  beforeAll(async () => {
    if (open) detector = await open();
  });
  afterAll(() => detector?.close());

  test.skipIf(!open)('finds faces a twenty-eighth of the picture high in the coarse passes', async () => {
    const scene = await farAway(320, 1280, 960);
    expect((await detector.detect(scene)).faces).toHaveLength(3);
  });

  test.skipIf(!open)('coarse passes suggest smaller ones, and finer passes find them', async () => {
    // Some 27 px high.
    const scene = await farAway(190, 1280, 960);
    const { faces, suggestsSmaller } = await detector.detect(scene);
    expect(faces.length).toBeLessThan(3);
    expect(suggestsSmaller).toBe(true);
    expect(await detector.detectSmall(scene, 1)).toHaveLength(3);
  });

  test.skipIf(!open)('large ones suggest no finer pass', async () => {
    expect((await detector.detect(await resized(960, 675))).suggestsSmaller).toBe(false);
  });

  test.skipIf(!open)('finds each face once over many tiles, also where two of them overlap', async () => {
    // Five copies side by side: tiles of 1280 begin and end within some of them.
    const one = await farAway(300, 600, 500);
    const raw = { width: one.width, height: one.height, channels: 3 as const };
    const width = 5 * one.width;
    const data = await sharp({ create: { width, height: 1200, channels: 3, background: '#888' } })
      .composite(
        [0, 1, 2, 3, 4].map((k) => ({
          input: Buffer.from(one.data),
          raw,
          left: k * 600,
          top: 650 - 100 * k,
        })),
      )
      .removeAlpha()
      .raw()
      .toBuffer();
    const found = await detector.detectSmall({ data, width, height: 1200 }, 1);
    expect(found).toHaveLength(15);
    for (const { box } of found) {
      const k = Math.floor(box.x / 600);
      expect(found.some((other) => Math.abs(other.box.x - box.x - (k < 4 ? 600 : -600)) < 4)).toBe(true);
    }
  });
});

test('faces that an upright picture makes small for the first pass are found by the second', async () => {
  const upright = await resized(960, 1280, { left: 0, top: 605 });
  const detector = await openUltraFace(modelsDirectory());
  expect((await detector.detect(upright)).faces).toHaveLength(3);
  await detector.close();
});

describe.skipIf(!yunetWeights)('a YuNet supplied by the user (skipped without ../shared/models)', () => {
  test('provides the boxes for the installed landmarks and embedder', async () => {
    const [own, usual] = await Promise.all([
      loadVisionThreads({ yunet: { file: yunetWeights! }, calls: 1 }),
      loadVision(),
    ]);
    const vectors = [];
    for (const vision of [own, usual]) {
      const { faces } = await vision.findFaces(await samplePhoto(3));
      vectors.push((await vision.embed(faces.map((face) => face.crop))).map(({ vector }) => vector));
    }
    expect(vectors[0]).toHaveLength(3);
    // The same face, in a slightly different box.
    for (const [index, vector] of vectors[0]!.entries())
      expect(cosine(vector, vectors[1]![index]!)).toBeGreaterThan(0.85);
    const digest = sha256(await readFile(yunetWeights!));
    expect(own.detector.id).toBe(`yunet-${digest.slice(0, 8)}`);
    expect(own.models.map(({ role }) => role)).toEqual(['detector', 'landmarks', 'embedder']);
    expect(own.models[0]).toMatchObject({ id: own.detector.id, sha256: digest });
    await Promise.all([own.close(), usual.close()]);
  });

  test('uses the threshold that was set', async () => {
    const counts = [];
    for (const threshold of [0.3, 0.6, 0.95]) {
      const detector = await openYuNet(yunetWeights!, { threshold });
      const { faces } = await detector.detect(await farAway(320, 1280, 960));
      expect(faces.every(({ score }) => score >= threshold)).toBe(true);
      counts.push(faces.length);
      await detector.close();
    }
    expect(counts[1]).toBe(3);
    expect(counts[2]).toBeLessThan(3);
  });
});

describe('a file that is not a YuNet', () => {
  test('is refused with the missing output, if it is another model', async () => {
    const file = join(modelsDirectory(), 'ultraface-rfb.onnx');
    await expect(openYuNet(file)).rejects.toMatchObject({
      code: 'model_unfit',
      message: `${file} is not a YuNet that can be used: it has no output cls_8.`,
    });
  });

  test('is refused with its path, if it is not a model or does not exist', async () => {
    const file = fileURLToPath(import.meta.url);
    await expect(openYuNet(file)).rejects.toMatchObject({
      code: 'model_unfit',
      message: expect.stringContaining(file),
    });
    await expect(loadVisionThreads({ yunet: { file: '/nowhere/yunet.onnx' } })).rejects.toMatchObject({
      code: 'model_missing',
      message: expect.stringContaining('/nowhere/yunet.onnx'),
    });
  });
});

test('UltraFace has 4420 priors at its published size, as its published graph does', () => {
  const none = new Float32Array(4 * 4421);
  expect(priorBox(none, 0, 320, 240)).toEqual({ x: -1, y: -1, width: 10, height: 10 });
  expect(priorBox(none, 4419, 320, 240)).toMatchObject({ width: 256, height: 240 });
  expect(() => priorBox(none, 4420, 320, 240)).toThrow(RangeError);
});
