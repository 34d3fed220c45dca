import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FoundFace, loadVision, type Vision } from '../../src/vision/index.ts';
import { cosine, evaluationFolder } from './support.ts';

interface Portrait {
  person: string;
  face: FoundFace;
  vector: Float32Array;
}

/** The largest face of every photo in a labelled folder: one subfolder a person, `_` for the rest. */
const portraitsOf = async (
  vision: Vision,
  folder: string,
): Promise<{ photos: number; found: Portrait[] }> => {
  const people = (await readdir(folder)).filter((name) => !name.startsWith('_') && !name.includes('.'));
  const photos = (
    await Promise.all(
      people.map(async (person) => (await readdir(join(folder, person))).map((file) => ({ person, file }))),
    )
  ).flat();
  const found: Portrait[] = [];
  const one = async ({ person, file }: { person: string; file: string }) => {
    const { faces } = await vision.findFaces(await readFile(join(folder, person, file)));
    const face = faces.toSorted((a, b) => b.box.height - a.box.height)[0];
    if (!face) return;
    const [embedding] = await vision.embed([face.crop]);
    found.push({ person, face, vector: embedding!.vector });
  };
  const queue = photos.values();
  await Promise.all(
    [1, 2].map(async () => {
      for (const photo of queue) await one(photo);
    }),
  );
  return { photos: photos.length, found };
};

/** Cosines of all pairs, each kind in falling order. */
const pairs = (portraits: readonly Portrait[]): { genuine: number[]; impostor: number[] } => {
  const genuine: number[] = [];
  const impostor: number[] = [];
  for (const [index, a] of portraits.entries()) {
    for (const b of portraits.slice(index + 1)) {
      (a.person === b.person ? genuine : impostor).push(cosine(a.vector, b.vector));
    }
  }
  const falling = (a: number, b: number) => b - a;
  return { genuine: genuine.sort(falling), impostor: impostor.sort(falling) };
};

/** Of each portrait the highest cosine to another of the same person, and to one of anybody else. */
const nearest = (portraits: readonly Portrait[]): { own: number; other: number }[] =>
  portraits.map((one) => {
    const highest = (own: boolean) =>
      portraits
        .filter((another) => another !== one && (another.person === one.person) === own)
        .reduce((max, { vector }) => Math.max(max, cosine(one.vector, vector)), -1);
    return { own: highest(true), other: highest(false) };
  });

const share = (sorted: readonly number[], threshold: number): number =>
  sorted.filter((value) => value > threshold).length / sorted.length;

describe.skipIf(!evaluationFolder)('on labelled photos (skipped without ../shared/eval)', () => {
  let vision: Vision;
  beforeAll(async () => {
    vision = await loadVision();
  });
  afterAll(() => vision?.close());

  test('400 ORL portraits: 98.6% recognised at one false positive in 1,000, and few gated', async () => {
    const { photos, found } = await portraitsOf(vision, join(evaluationFolder!, 'orl'));
    expect(photos).toBe(400);
    expect(found.length).toBeGreaterThanOrEqual(398);
    const { genuine, impostor } = pairs(found);
    const oneInThousand = impostor[Math.floor(impostor.length / 1000)]!;
    expect(oneInThousand).toBeLessThan(0.41);
    expect(share(genuine, oneInThousand)).toBeGreaterThanOrEqual(0.985);
    // The default threshold is stricter than that. Measured, of single pairs: 97.4%, and none.
    expect(share(genuine, vision.embedder.thresholds.default)).toBeGreaterThanOrEqual(0.97);
    expect(share(impostor, vision.embedder.thresholds.default)).toBe(0);
    // Measured: 4 too small, 3 in profile.
    const gated = found.filter(({ face }) => face.gate.length > 0);
    expect(gated.length / found.length).toBeLessThan(0.03);
    const ungated = found.filter(({ face }) => face.gate.length === 0);
    expect(share(pairs(ungated).genuine, oneInThousand)).toBeGreaterThanOrEqual(0.99);
    // As a search finds them, among all others: nobody is nearer to somebody else. Measured: 390 of 391 found at any of
    // the three thresholds; at the loose one 16 are also similar to somebody else, at the others none.
    const searched = nearest(ungated);
    expect(searched.filter(({ own, other }) => other > own)).toEqual([]);
    const { loose, default: shipped, strict } = vision.embedder.thresholds;
    expect(searched.filter(({ own }) => own > strict).length).toBeGreaterThanOrEqual(388);
    expect(searched.filter(({ other }) => other > loose).length).toBeLessThanOrEqual(18);
    expect(searched.filter(({ other }) => other > shipped)).toEqual([]);
  });

  test('wild photos: everybody is recognised at the default threshold, and nobody as another', async () => {
    const { photos, found } = await portraitsOf(vision, join(evaluationFolder!, 'photos'));
    expect(found.length).toBe(photos);
    const { genuine, impostor } = pairs(found);
    // Measured: 0.50 at least, 0.19 at most.
    expect(genuine.at(-1)).toBeGreaterThan(vision.embedder.thresholds.default);
    expect(impostor[0]).toBeLessThan(vision.embedder.thresholds.loose);
  });
});
