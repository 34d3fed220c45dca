import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { modelsDirectory } from '../../models/files.ts';
import { decode } from '../../src/vision/decode.ts';
import { openUltraFace } from '../../src/vision/detectors/ultraface.ts';
import { priorBox } from '../../src/vision/detectors/ultraface-priors.ts';
import { openYuNet } from '../../src/vision/detectors/yunet.ts';
import { loadVision } from '../../src/vision/index.ts';
import { iou } from '../../src/vision/nms.ts';
import type { Detection, Detector, Pixels } from '../../src/vision/types.ts';
import { cosine, sampleFaces, samplePhoto, yunetWeights } from './support.ts';

const variants: { name: string; open: (() => Promise<Detector>) | null; points: boolean }[] = [
  { name: 'UltraFace', open: () => openUltraFace(modelsDirectory()), points: false },
  {
    name: 'UltraFace, one pass',
    open: () => openUltraFace(modelsDirectory(), { smallFaces: false }),
    points: false,
  },
  { name: 'YuNet', open: yunetWeights ? () => openYuNet(yunetWeights!) : null, points: true },
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

describe.each(variants)('$name', ({ open, points }) => {
  let detector: Detector;
  beforeAll(async () => {
    if (open) detector = await open();
  });
  afterAll(() => detector?.close());

  test.skipIf(!open).each([1, 2, 3, 4, 5, 6])('finds every face of sample photo %i once', async (number) => {
    const { picture } = await decode(await samplePhoto(number));
    const found = await detector.detect(picture);
    expect(found).toHaveLength(sampleFaces[number - 1]!);
    for (const [index, { box, score }] of found.entries()) {
      expect(score > 0.5 && score <= 1).toBe(true);
      expect(box.height).toBeGreaterThan(48);
      for (const other of found.slice(index + 1)) expect(iou(box, other.box)).toBeLessThan(0.4);
    }
  });

  test.skipIf(!open)('gives boxes in pixels of the picture, whatever its size', async () => {
    const small = leftToRight(await detector.detect(await resized(640, 450)));
    const large = leftToRight(await detector.detect(await resized(1280, 900)));
    expect(small).toHaveLength(3);
    for (const [index, { box }] of large.entries()) {
      const { x, y, width, height } = small[index]!.box;
      expect(iou(box, { x: 2 * x, y: 2 * y, width: 2 * width, height: 2 * height })).toBeGreaterThan(0.8);
    }
  });

  test.skipIf(!open)('is not thrown off by the picture being upright, wide or padded', async () => {
    const expected = leftToRight(await detector.detect(await resized(960, 675)));
    for (const [width, height] of [
      [960, 1100],
      [1280, 675],
    ] as const) {
      const place = { left: width - 960, top: height - 675 };
      const found = leftToRight(await detector.detect(await resized(width, height, place)));
      expect(found).toHaveLength(3);
      for (const [index, { box }] of found.entries()) {
        const moved = { ...box, x: box.x - place.left, y: box.y - place.top };
        expect(iou(moved, expected[index]!.box)).toBeGreaterThan(0.75);
      }
    }
  });

  test.skipIf(!open)('declares whether it gives points, and puts them in the box', async () => {
    for (const { box, points: five } of await detector.detect(await resized(960, 675))) {
      expect(five !== null).toBe(points);
      if (!five) continue;
      const [left, right, nose, mouthLeft, mouthRight] = five;
      expect(left[0] < right[0] && mouthLeft[0] < mouthRight[0]).toBe(true);
      expect(left[1] < nose[1] && nose[1] < mouthLeft[1]).toBe(true);
      for (const [x, y] of five) {
        expect(x > box.x && x < box.x + box.width && y > box.y && y < box.y + box.height).toBe(true);
      }
    }
  });

  test.skipIf(!open).each([
    [1, 1],
    [3, 500],
    [800, 600],
  ])('finds nothing in %i x %i of gray', async (width, height) => {
    expect(
      await detector.detect({ data: new Uint8Array(width * height * 3).fill(128), width, height }),
    ).toEqual([]);
  });

  test.skipIf(!open)('names its weights', () => {
    expect(detector.models.length).toBeGreaterThan(0);
    for (const model of detector.models) {
      expect(model).toMatchObject({ id: detector.id, role: 'detector', dimension: null });
      expect(model.sha256).toMatch(/^[0-9a-f]{64}$/);
    }
  });
});

test('the pass for small faces finds what the other one misses', async () => {
  // Sample 3 at a quarter in the middle of a wide scene: faces some 46 px high, a twenty-eighth of it.
  const crowd = await sharp(await samplePhoto(3))
    .resize(320)
    .toBuffer();
  const data = await sharp({ create: { width: 1280, height: 960, channels: 3, background: '#888' } })
    .composite([{ input: crowd, gravity: 'centre' }])
    .removeAlpha()
    .raw()
    .toBuffer();
  const scene = { data, width: 1280, height: 960 };
  const counts: number[] = [];
  for (const smallFaces of [false, true]) {
    const detector = await openUltraFace(modelsDirectory(), { smallFaces });
    counts.push((await detector.detect(scene)).length);
    await detector.close();
  }
  expect(counts[1]).toBe(3);
  expect(counts[0]).toBeLessThan(3);
});

test('faces that an upright picture makes small for the first pass are found by the second', async () => {
  const upright = await resized(960, 1280, { left: 0, top: 605 });
  const detector = await openUltraFace(modelsDirectory());
  expect(await detector.detect(upright)).toHaveLength(3);
  await detector.close();
});

test.skipIf(!yunetWeights)('a detector with points of its own serves the whole of vision', async () => {
  const own = await loadVision({ detector: await openYuNet(yunetWeights!, { id: 'yunet-n' }) });
  const usual = await loadVision();
  const vectors = [];
  for (const vision of [own, usual]) {
    const { faces } = await vision.findFaces(await samplePhoto(3));
    vectors.push((await vision.embed(faces.map((face) => face.crop))).map(({ vector }) => vector));
  }
  expect(vectors[0]).toHaveLength(3);
  // The same face, aligned by other points.
  for (const [index, vector] of vectors[0]!.entries()) {
    expect(cosine(vector, vectors[1]![index]!)).toBeGreaterThan(0.7);
  }
  expect(own.detector.id).toBe('yunet-n');
  await Promise.all([own.close(), usual.close()]);
});

test('UltraFace has 4420 priors at its published size, as its published graph does', () => {
  const none = new Float32Array(4 * 4421);
  expect(priorBox(none, 0, 320, 240)).toEqual({ x: -1, y: -1, width: 10, height: 10 });
  expect(priorBox(none, 4419, 320, 240)).toMatchObject({ width: 256, height: 240 });
  expect(() => priorBox(none, 4420, 320, 240)).toThrow(RangeError);
});
