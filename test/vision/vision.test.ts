import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FoundFace, type FoundFaces, loadVision, type Vision } from '../../src/vision/index.ts';
import { cosine, sampleFaces, samplePhoto } from './support.ts';

interface Sample {
  found: FoundFaces;
  vectors: Float32Array[];
}

let vision: Vision;
const samples: Sample[] = [];

beforeAll(async () => {
  vision = await loadVision();
  for (const number of [1, 2, 3, 4, 5, 6]) {
    const found = await vision.findFaces(await samplePhoto(number));
    const embeddings = await vision.embed(found.faces.map((face) => face.crop));
    samples.push({ found, vectors: embeddings.map((embedding) => embedding.vector) });
  }
});

afterAll(() => vision?.close());

/** The same woman: third from the left in the first photo, in the middle of the third. */
const woman = { first: { photo: 0, face: 2 }, third: { photo: 2, face: 1 } };
/** In profile at the left of the second photo; the likest stranger to her. */
const profile = { photo: 1, face: 0 };
const at = ({ photo, face }: { photo: number; face: number }) => ({
  face: samples[photo]!.found.faces[face]!,
  vector: samples[photo]!.vectors[face]!,
});

describe('real group photos', () => {
  test('have all the faces counted by eye', () => {
    expect(samples.map((sample) => sample.found.faces.length)).toEqual(sampleFaces);
  });

  test('list faces left to right, inside the full-size picture', () => {
    for (const { found } of samples) {
      expect(Math.max(found.width, found.height)).toBeGreaterThan(1280);
      const centres = found.faces.map(({ box }) => box.x + box.width / 2);
      expect(centres).toEqual(centres.toSorted((a, b) => a - b));
      for (const { box, points } of found.faces) {
        for (const [x, y] of points) {
          expect(x > 0 && x < found.width && y > 0 && y < found.height).toBe(true);
          expect(x > box.x - box.width / 2 && x < box.x + box.width * 1.5).toBe(true);
          expect(y > box.y && y < box.y + box.height).toBe(true);
        }
        expect(points[0][0]).toBeLessThan(points[1][0]);
      }
    }
    // The last photo is 1920 wide: its rightmost face lies beyond what the shrunk picture holds.
    expect(samples[5]!.found.faces[3]!.box.x).toBeGreaterThan(1280);
  });

  test('match the same woman, and nobody else', () => {
    expect(cosine(at(woman.first).vector, at(woman.third).vector)).toBeGreaterThan(0.65);
    const { first, third } = woman;
    for (const [i, a] of samples.entries()) {
      for (const [j, b] of samples.entries()) {
        if (j <= i) continue;
        for (const [k, left] of a.vectors.entries()) {
          for (const [l, right] of b.vectors.entries()) {
            if (i === first.photo && k === first.face && j === third.photo && l === third.face) continue;
            expect(cosine(left, right), `photo ${i + 1} face ${k}, photo ${j + 1} face ${l}`).toBeLessThan(
              0.5,
            );
          }
        }
      }
    }
  });

  test('gate a profile view, and not the frontal one', () => {
    expect(at(profile).face.gate).toEqual(['profile']);
    expect(at(woman.first).face.gate).toEqual([]);
    expect(at(woman.third).face.gate).toEqual([]);
    const gated = samples.flatMap(({ found }) => found.faces).filter((face) => face.gate.length > 0);
    // The other one is also turned away, by 42 degrees.
    expect(gated.length).toBeLessThanOrEqual(2);
  });
});

describe('embed', () => {
  test('gives the same vectors alone and in batches', async () => {
    const { faces } = samples[4]!.found;
    for (const [index, { crop }] of faces.entries()) {
      const [alone] = await vision.embed([crop]);
      expect(cosine(alone!.vector, samples[4]!.vectors[index]!)).toBeGreaterThan(0.99999);
      expect(cosine(alone!.vector, alone!.vector)).toBeCloseTo(1, 5);
      expect(alone!.vector).toHaveLength(vision.embedder.dimension);
    }
  });

  test('accepts an empty list', async () => {
    expect(await vision.embed([])).toEqual([]);
  });

  test('separates faces from noise by the norm', async () => {
    const noise = new Uint8Array(112 * 112 * 3);
    let seed = 1;
    for (let i = 0; i < noise.length; i++) {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      noise[i] = seed >> 16;
    }
    const crop = await sharp(noise, { raw: { width: 112, height: 112, channels: 3 } })
      .png()
      .toBuffer();
    const [face, nothing] = await vision.embed([at(woman.third).face.crop, crop]);
    expect(face!.norm).toBeGreaterThan(vision.embedder.minimalNorm);
    expect(nothing!.norm).toBeLessThan(vision.embedder.minimalNorm);
  });

  test('refuses a crop that is damaged or of another size', async () => {
    const crop = at(woman.third).face.crop;
    const smaller = await sharp(crop).resize(96, 96).png().toBuffer();
    await expect(vision.embed([crop.subarray(0, 900)])).rejects.toMatchObject({ code: 'image_corrupt' });
    await expect(vision.embed([smaller])).rejects.toMatchObject({ code: 'image_corrupt' });
  });
});

describe('a picture', () => {
  /** A smaller copy keeps these tests short; the three faces of sample 3 are still 90 px high in it. */
  const upright = async () =>
    sharp(await samplePhoto(3))
      .resize(960)
      .jpeg({ quality: 95 })
      .toBuffer();

  const near = (found: readonly FoundFace[], expected: readonly FoundFace[], pixels: number) => {
    expect(found.length).toBe(expected.length);
    for (const [index, { box }] of found.entries()) {
      for (const key of ['x', 'y', 'width', 'height'] as const) {
        expect(Math.abs(box[key] - expected[index]!.box[key]), `${key} of face ${index}`).toBeLessThan(
          pixels,
        );
      }
    }
  };

  test.each([
    ['in CMYK', (image: Sharp) => image.toColourspace('cmyk').jpeg({ quality: 95 })],
    ['in gray', (image: Sharp) => image.toColourspace('b-w').jpeg({ quality: 95 })],
    ['as a PNG with alpha', (image: Sharp) => image.ensureAlpha().png({ compressionLevel: 1 })],
    ['as a PNG of 16 bits', (image: Sharp) => image.toColourspace('rgb16').png({ compressionLevel: 1 })],
    ['as WebP', (image: Sharp) => image.webp({ quality: 90 })],
  ])('has the same faces %s', async (_, convert) => {
    const photo = await upright();
    const expected = await vision.findFaces(photo);
    expect(expected.faces).toHaveLength(3);
    const converted = await convert(sharp(photo)).toBuffer();
    near((await vision.findFaces(converted)).faces, expected.faces, 8);
  });

  test('is rotated by its EXIF orientation, and boxes are in the upright picture', async () => {
    const photo = await upright();
    const expected = await vision.findFaces(photo);
    // Orientation 6: turned left by 90 degrees in the file, to be turned right for looking at.
    const lying = await sharp(photo)
      .rotate(270)
      .withMetadata({ orientation: 6 })
      .jpeg({ quality: 95 })
      .toBuffer();
    expect((await sharp(lying).metadata()).width).toBe(expected.height);
    const found = await vision.findFaces(lying);
    expect([found.width, found.height]).toEqual([expected.width, expected.height]);
    near(found.faces, expected.faces, 8);
  });

  test('may have no face', async () => {
    const wall = await sharp({ create: { width: 800, height: 600, channels: 3, background: '#a08060' } })
      .jpeg()
      .toBuffer();
    expect(await vision.findFaces(wall)).toEqual({
      format: 'jpeg',
      width: 800,
      height: 600,
      undecodedShare: null,
      faces: [],
    });
  });

  test.each([
    [1, 1],
    [2, 50],
    [75, 3],
  ])('may be as small as %i x %i', async (width, height) => {
    const sliver = await sharp({ create: { width, height, channels: 3, background: '#888' } })
      .png()
      .toBuffer();
    expect((await vision.findFaces(sliver)).faces).toEqual([]);
  });
});

test('the models in use are listed with their digests', () => {
  expect(vision.models.map((model) => model.role)).toEqual(['detector', 'landmarks', 'embedder']);
  for (const model of vision.models) expect(model.sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(vision.models[0]!.id).toBe(vision.detector.id);
  expect(vision.models[2]).toMatchObject({ id: vision.embedder.id, dimension: vision.embedder.dimension });
});
