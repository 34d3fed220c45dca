import { availableParallelism } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadVision, type Vision } from '../../src/vision/index.ts';
import { loadVisionThreads } from '../../src/vision/threads.ts';
import { sample } from '../support/photos.ts';

describe('vision in threads', () => {
  let here: Vision;
  let threads: Vision;
  beforeAll(async () => {
    [here, threads] = await Promise.all([loadVision(), loadVisionThreads()]);
  });
  afterAll(() => Promise.all([here.close(), threads.close()]));

  it('has the same properties', () => {
    const { findFaces: _, embed: __, estimateDemography: ___, close: ____, ...facts } = here;
    expect(threads).toMatchObject(facts);
  });

  it('finds the same faces and vectors, for more photos at once than there are threads', async () => {
    const photos = Array.from({ length: 2 * availableParallelism() + 1 }, (_, index) =>
      sample(index % 2 === 0 ? 1 : 2),
    );
    const found = await Promise.all(photos.map((photo) => threads.findFaces(photo)));
    for (const [index, photo] of photos.entries())
      expect(found[index]).toEqual(await plain(here.findFaces(photo)));
    const crops = found[0]!.faces.map((face) => face.crop);
    const [ours, theirs] = await Promise.all([threads.embed(crops), here.embed(crops)]);
    for (const [index, { vector, norm }] of ours.entries()) {
      expect(norm).toBeCloseTo(theirs[index]!.norm, 4);
      const cosine = vector.reduce((sum, value, at) => sum + value * theirs[index]!.vector[at]!, 0);
      expect(cosine).toBeGreaterThan(0.9999);
    }
  });

  it('keeps the code of an error, and works after it', async () => {
    await expect(threads.findFaces(Buffer.from('no photo'))).rejects.toMatchObject({
      name: 'VisionError',
      code: 'image_format_unsupported',
    });
    expect((await threads.findFaces(sample(1))).faces).toHaveLength(3);
  });

  it('reports that a model is missing', async () => {
    await expect(loadVisionThreads({ modelsDirectory: '/nowhere' })).rejects.toMatchObject({
      code: 'model_missing',
    });
  });
});

/** Without the class of its byte arrays, which a thread does not send. */
const plain = async <T>(value: Promise<T>): Promise<T> => structuredClone(await value);
