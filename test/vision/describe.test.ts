import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { modelsDirectory } from '../../models/files.ts';
import { ageGender } from '../../models/manifest.ts';
import { decode } from '../../src/vision/decode.ts';
import { openDescriber, squareAround } from '../../src/vision/describer.ts';
import { type Demography, loadVision, type Vision } from '../../src/vision/index.ts';
import { openLandmarks } from '../../src/vision/landmarks.ts';
import { openFaceApi } from './face-api.ts';
import { evaluationFolder, samplePhoto } from './support.ts';

let vision: Vision;
beforeAll(async () => {
  vision = await loadVision();
});
afterAll(() => vision.close());

/** All faces of a photo, left to right. */
const describeAll = async (photo: Uint8Array): Promise<Demography[]> => {
  const { faces } = await vision.findFaces(photo);
  return vision.estimateDemography(
    photo,
    faces.map(({ box }) => box),
  );
};

/** Two points that span a square. */
const corners = (x: number, y: number, side: number): [number, number][] => [
  [x, y],
  [x + side, y + side],
];

describe('the converted network', () => {
  test('gives the same results as face-api for the same pixels', { timeout: 120_000 }, async () => {
    const faceApi = await openFaceApi();
    const landmarks = await openLandmarks(modelsDirectory());
    const describer = await openDescriber(modelsDirectory());
    for (const number of [1, 4, 6]) {
      const photo = await samplePhoto(number);
      const { picture, scale } = await decode(photo);
      const { faces } = await vision.findFaces(photo);
      const [, { box }] = faces as [unknown, (typeof faces)[number]];
      const inPicture = {
        x: box.x / scale,
        y: box.y / scale,
        width: box.width / scale,
        height: box.height / scale,
      };
      const outlines = await landmarks.outline(picture, [inPicture]);
      const [ours] = await describer.estimate(picture, outlines);
      const theirs = faceApi.estimate(squareAround(picture, outlines[0]!));
      expect(Math.abs(ours!.age - theirs.age)).toBeLessThan(0.01);
      expect(Math.abs(ours!.male - theirs.male)).toBeLessThan(0.0001);
    }
    await Promise.all([landmarks.close(), describer.close()]);
  });
});

describe('estimateDemography', () => {
  // Age and probability of male as face-api 1.7.15 estimates them from the same boxes, with its own landmarks and crops.
  const faceApiSays: Record<number, [age: number, male: number][]> = {
    1: [
      [26.6, 0.036],
      [24.5, 0.071],
      [30.2, 0.07],
    ],
    2: [
      [23.7, 0.102],
      [18.4, 0.017],
      [18.2, 0.046],
    ],
    3: [
      [29.9, 0.055],
      [36.5, 0.103],
      [27.3, 0.042],
    ],
    4: [
      [25.0, 0.046],
      [29.5, 0.054],
      [20.0, 0.073],
      [40.2, 0.036],
    ],
    5: [
      [42.8, 0.075],
      [24.5, 0.056],
      [33.1, 0.131],
      [30.7, 0.068],
      [37.4, 0.043],
    ],
    6: [
      [19.0, 0.011],
      [19.2, 0.009],
      [23.4, 0.019],
      [38.7, 0.023],
    ],
  };

  test('agrees with face-api about all 22 faces of the sample photos, all of women', async () => {
    const differences: number[] = [];
    for (const [number, expected] of Object.entries(faceApiSays)) {
      const found = await describeAll(await samplePhoto(Number(number)));
      expect(found).toHaveLength(expected.length);
      found.forEach(({ age, male }, index) => {
        const [theirAge, theirMale] = expected[index]!;
        differences.push(Math.abs(age - theirAge));
        expect(male).toBeLessThan(0.2);
        expect(Math.abs(male - theirMale)).toBeLessThan(0.1);
      });
    }
    // The landmarks are others, and so the crops: 2.0 years on average, 8.2 at most.
    expect(differences.reduce((sum, value) => sum + value) / differences.length).toBeLessThan(2.5);
    expect(Math.max(...differences)).toBeLessThan(9);
  });

  test.skipIf(!evaluationFolder)('is close for known people (needs the labelled photos)', async () => {
    const known = [
      { name: 'ag_biden', from: 55, to: 80, male: true },
      { name: 'ag_obama', from: 40, to: 60, male: true },
      { name: 'ag_kit', from: 20, to: 40, male: true },
      { name: 'ag_rose', from: 20, to: 42, male: false },
    ];
    for (const { name, from, to, male } of known) {
      const folder = join(evaluationFolder!, 'photos', name);
      for (const file of await readdir(folder)) {
        const estimates = await describeAll(await readFile(join(folder, file)));
        // A photo that also shows other people is left out.
        if (estimates.length !== 1) continue;
        expect(estimates[0]!.age, `${name}/${file}`).toBeGreaterThan(from);
        expect(estimates[0]!.age, `${name}/${file}`).toBeLessThan(to);
        expect(estimates[0]!.male > 0.5, `${name}/${file}`).toBe(male);
      }
    }
  });

  test('is the same for a photo at three times its size, or with an EXIF rotation', async () => {
    const photo = await samplePhoto(6);
    const upright = await describeAll(photo);
    const { width = 0 } = await sharp(photo).metadata();
    const large = await sharp(photo)
      .resize({ width: width * 3 })
      .jpeg()
      .toBuffer();
    const turned = await sharp(photo).rotate(270).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    for (const other of [await describeAll(large), await describeAll(turned)]) {
      expect(other).toHaveLength(upright.length);
      other.forEach(({ age, male }, index) => {
        expect(Math.abs(age - upright[index]!.age)).toBeLessThan(4);
        expect(Math.abs(male - upright[index]!.male)).toBeLessThan(0.1);
      });
    }
  });

  test('returns estimates in the order of the boxes, and none for no boxes', async () => {
    const photo = await samplePhoto(1);
    const boxes = (await vision.findFaces(photo)).faces.map(({ box }) => box);
    const forth = await vision.estimateDemography(photo, boxes);
    const back = await vision.estimateDemography(photo, boxes.toReversed());
    back.toReversed().forEach(({ age }, index) => {
      expect(age).toBeCloseTo(forth[index]!.age, 2);
    });
    expect(await vision.estimateDemography(photo, [])).toEqual([]);
  });

  test('crops the square around the outline with a margin of a tenth', () => {
    const picture = { data: new Uint8Array(300 * 300 * 3), width: 300, height: 300 };
    // One white square of 120 x 120 at (80, 60): 100 x 100 of points in its middle, and their margin.
    for (let y = 60; y < 180; y++) picture.data.fill(255, (y * 300 + 80) * 3, (y * 300 + 200) * 3);
    const crop = squareAround(picture, corners(90, 70, 100));
    expect([crop.width, crop.height]).toEqual([112, 112]);
    expect(crop.data.every((value) => value === 255)).toBe(true);
    const shifted = squareAround(picture, corners(88, 70, 100));
    expect(shifted.data[0]).toBe(0);
    expect(shifted.data.at(-1)).toBe(255);
  });

  test('refuses broken photos as findFaces does', async () => {
    await expect(vision.estimateDemography(Buffer.from('no photo'), [])).rejects.toMatchObject({
      code: 'image_format_unsupported',
    });
  });
});

describe('the describer', () => {
  test('is opened at the first call, checked by its hash, and tried again after a failure', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'watchpost-weights-'));
    await cp(modelsDirectory(), folder, { recursive: true });
    const file = join(folder, ageGender.file);
    const bytes = await readFile(file);
    await rm(file);
    const without = await loadVision({ modelsDirectory: folder });
    const photo = await samplePhoto(1);
    const boxes = (await without.findFaces(photo)).faces.map(({ box }) => box);
    expect(without.models.map(({ role }) => role)).not.toContain('describer');

    await expect(without.estimateDemography(photo, boxes)).rejects.toMatchObject({ code: 'model_missing' });
    await writeFile(file, bytes.toReversed());
    await expect(without.estimateDemography(photo, boxes)).rejects.toMatchObject({
      code: 'model_hash_mismatch',
    });
    await writeFile(file, bytes);
    expect(await without.estimateDemography(photo, boxes)).toHaveLength(3);
    await without.close();
    await rm(folder, { recursive: true });
  });
});
