import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeModel, encodeModel, onnx, rawBytes } from '../../models/edits/graph.ts';
import { applyEdits } from '../../models/edits/index.ts';
import { modelsDirectory } from '../../models/files.ts';
import { type InstallableModel, installModels } from '../../models/install.ts';
import { landmarks68, type ModelEntry, manifest, mobilefacenet } from '../../models/manifest.ts';
import { decodeCrop } from '../../src/vision/crop.ts';
import { loadVision } from '../../src/vision/index.ts';
import { fitInside } from '../../src/vision/letterbox.ts';
import { floats, openSession } from '../../src/vision/session.ts';
import { luma, writePlanes } from '../../src/vision/tensor.ts';
import { cosine, sampleFaces, samplePhoto } from '../vision/support.ts';

const smallestNormal = 2 ** -126;
const countSubnormal = (values: Iterable<number>): number => {
  let count = 0;
  for (const value of values) if (value !== 0 && Math.abs(value) < smallestNormal) count += 1;
  return count;
};

const read = (entry: ModelEntry): Promise<Buffer> => readFile(join(modelsDirectory(), entry.file));

describe('subnormal numbers, with which Intel CPUs are ten times slower', () => {
  test.each(manifest.map((entry) => [entry.file, entry] as const))(
    'are not among the weights of %s',
    async (_, entry) => {
      const { graph } = decodeModel(applyEdits(await read(entry), entry.atOpening ?? []));
      const constants = graph.node.flatMap((node) => node.attribute?.flatMap(({ t }) => t ?? []) ?? []);
      const floats = [...graph.initializer, ...constants].filter(
        ({ dataType }) => dataType === onnx.TensorProto.DataType.FLOAT,
      );
      expect(floats.length).toBeGreaterThan(0);
      for (const tensor of floats) {
        const stored = tensor.rawData?.length ? new Float32Array(rawBytes(tensor)) : (tensor.floatData ?? []);
        expect(countSubnormal(stored), tensor.name ?? '').toBe(0);
      }
    },
  );

  describe.each(['black', 'white', 'noise'] as const)(
    'do not arise in any layer from a crop of %s',
    (kind) => {
      test.each(manifest.map((entry) => [entry.file, entry] as const))('%s', async (_, entry) => {
        const { model, graph } = decodeModel(applyEdits(await read(entry), entry.atOpening ?? []));
        const outputs = new Set(graph.output.map(({ name }) => name));
        for (const name of graph.node.flatMap((node) => node.output ?? [])) {
          if (!outputs.has(name)) graph.output.push(onnx.ValueInfoProto.create({ name }) as never);
        }
        // Without fusion, so that every intermediate value can be read.
        const session = await ort.InferenceSession.create(encodeModel(model), {
          graphOptimizationLevel: 'disabled',
        });
        const { channels, height, width } = entry.input;
        const pixels = Float32Array.from({ length: channels * height * width }, (_, i) =>
          kind === 'noise' ? (i * 2_654_435_761) % 256 : kind === 'white' ? 255 : 0,
        );
        const normalised = { detector: 128, embedder: 128, landmarks: 256, describer: 1 }[entry.role];
        const mean = entry.role === 'detector' || entry.role === 'embedder' ? 127 : 0;
        const data = pixels.map((value) => (value - mean) / normalised);
        const values = await session.run({
          [session.inputNames[0]!]: new ort.Tensor('float32', data, [1, channels, height, width]),
        });
        await session.release();
        for (const [name, value] of Object.entries(values)) {
          if (value.type === 'float32') expect(countSubnormal(value.data as Float32Array), name).toBe(0);
        }
      });
    },
  );
});

/** Of the two files without that edit. */
const sha256BeforeClearing: Record<string, string> = {
  [landmarks68.file]: 'e671779b515b87338758e83812e5707788a641774bce68cc9d92d5be93b89705',
  [mobilefacenet.file]: '017bcad9279a477830b9665ab101f1811706fd1346107e09790fd95bc4d2f610',
};

describe('clearing tiny weights', () => {
  let published: string | undefined;
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'watchpost-published-'));
    const unedited = [landmarks68, mobilefacenet].map((entry): InstallableModel => {
      const edits = entry.edits.filter((edit) => edit !== 'clear-tiny-weights');
      return { ...entry, edits, sha256: sha256BeforeClearing[entry.file]! };
    });
    // The package is in npm's cache since `npm install`: nothing is fetched.
    const offline = process.env.npm_config_offline;
    process.env.npm_config_offline = 'true';
    try {
      await installModels(folder, unedited);
      published = folder;
    } catch (error) {
      await rm(folder, { recursive: true });
      if (process.env.CI || !/ENOTCACHED/.test(String(error))) throw error;
    } finally {
      if (offline === undefined) delete process.env.npm_config_offline;
      else process.env.npm_config_offline = offline;
    }
  });
  afterAll(async () => {
    if (published) await rm(published, { recursive: true });
  });

  test('leaves the outputs of both models unchanged, over the faces of all sample photos', async (context) => {
    if (!published) return context.skip('the published package is not in the cache of npm');
    const vision = await loadVision();
    const photos = await Promise.all([1, 2, 3, 4, 5, 6].map(samplePhoto));
    const found = await Promise.all(photos.map((photo) => vision.findFaces(photo)));
    await vision.close();
    const crops = await Promise.all(
      found.flatMap(({ faces }) => faces.map(({ crop }) => decodeCrop(crop, mobilefacenet.input.width))),
    );
    expect(crops).toHaveLength(sampleFaces.reduce((sum, faces) => sum + faces));

    const embedderInputs = crops.map((crop) => {
      const planes = new Float32Array(crop.data.length);
      writePlanes(crop, mobilefacenet.embedder.normalisation, planes);
      return planes;
    });
    for (const [before, after] of await outputsOf(mobilefacenet, published, embedderInputs)) {
      expect(cosine(before, after) / Math.hypot(...before) / Math.hypot(...after)).toBeGreaterThan(0.999999);
      expect(Math.hypot(...after)).toBeCloseTo(Math.hypot(...before), 4);
    }
    const { width, height } = landmarks68.input;
    const landmarkInputs = await Promise.all(
      crops.map(async (crop) =>
        Float32Array.from(luma((await fitInside(crop, width, height)).pixels), (gray) => gray / 256),
      ),
    );
    for (const [before, after] of await outputsOf(landmarks68, published, landmarkInputs)) {
      // Fractions of the face's box: a thousandth of a pixel in a face of 100.
      for (const [index, value] of before.entries())
        expect(Math.abs(after[index]! - value)).toBeLessThan(1e-5);
    }
  });
});

/** What a model gives for each input, as published and as installed. */
const outputsOf = async (
  entry: ModelEntry,
  published: string,
  inputs: readonly Float32Array[],
): Promise<[before: Float32Array, after: Float32Array][]> => {
  const { channels, height, width } = entry.input;
  const sessions = await Promise.all(
    [published, modelsDirectory()].map((folder) => openSession(join(folder, entry.file))),
  );
  const results: Float32Array[][] = [];
  for (const input of inputs) {
    results.push(
      await Promise.all(
        sessions.map(async (session) =>
          floats(await session.run(input, [1, channels, height, width]), session.outputs[0]!).slice(),
        ),
      ),
    );
  }
  await Promise.all(sessions.map((session) => session.close()));
  return results as [Float32Array, Float32Array][];
};
