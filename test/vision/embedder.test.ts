import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeModel, onnx } from '../../models/edits/graph.ts';
import { modelsDirectory } from '../../models/files.ts';
import { mobilefacenet } from '../../models/manifest.ts';
import { decodeCrop } from '../../src/vision/crop.ts';
import { arcfaceW600k, dlibResnet, sface } from '../../src/vision/declarations.ts';
import { openEmbedder } from '../../src/vision/embedder.ts';
import { loadVision } from '../../src/vision/index.ts';
import type { EmbedderDeclaration, Pixels } from '../../src/vision/types.ts';
import { cosine, samplePhoto } from './support.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'watchpost-embedder-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Stands in for weights that cannot ship: "embeds" a crop as the mean of each input channel. */
const meansGraph = async (declaration: EmbedderDeclaration): Promise<string> => {
  const value = (name: string, shape: (string | number)[]) => ({
    name,
    type: {
      tensorType: {
        elemType: onnx.TensorProto.DataType.FLOAT,
        shape: { dim: shape.map((d) => (typeof d === 'string' ? { dimParam: d } : { dimValue: d })) },
      },
    },
  });
  const { AttributeType } = onnx.AttributeProto;
  const model = onnx.ModelProto.fromObject({
    irVersion: 7,
    opsetImport: [{ domain: '', version: 13 }],
    graph: {
      name: 'means',
      input: [value('pixels', ['batch', 3, declaration.size, declaration.size])],
      output: [value(declaration.output ?? 'means', ['batch', 3])],
      node: [
        {
          opType: 'ReduceMean',
          input: ['pixels'],
          output: [declaration.output ?? 'means'],
          attribute: [
            { name: 'axes', type: AttributeType.INTS, ints: [2, 3] },
            { name: 'keepdims', type: AttributeType.INT, i: 0 },
          ],
        },
      ],
    },
  });
  const file = join(folder, `${declaration.id}.onnx`);
  await writeFile(file, encodeModel(model));
  return file;
};

const colour = (size: number, rgb: [number, number, number]): Pixels => ({
  data: Uint8Array.from({ length: size * size * 3 }, (_, i) => rgb[i % 3]!),
  width: size,
  height: size,
});

describe.each([mobilefacenet.embedder as EmbedderDeclaration, arcfaceW600k, sface, dlibResnet])(
  '$id',
  (declaration) => {
    test('feeds the graph as declared: size, channel order, mean and deviation, batches', async () => {
      const raw = { ...declaration, dimension: 3, l2: false };
      const embedder = await openEmbedder(raw, await meansGraph(declaration));
      const colours: [number, number, number][] = [
        [255, 0, 0],
        [0, 128, 0],
        [10, 20, 30],
        [1, 2, 3],
        [90, 80, 70],
      ];
      const results = await embedder.embed(colours.map((rgb) => colour(declaration.size, rgb)));
      const { channels, mean, std } = declaration.normalisation;
      for (const [index, rgb] of colours.entries()) {
        const ordered = channels === 'bgr' ? rgb.toReversed() : rgb;
        for (const [channel, value] of ordered.entries()) {
          expect(results[index]!.vector[channel]).toBeCloseTo((value - mean[channel]!) / std[channel]!, 3);
        }
      }
      await embedder.close();
    });

    test('scales to length 1 and keeps the norm', async () => {
      const embedder = await openEmbedder(
        { ...declaration, dimension: 3, l2: true },
        await meansGraph(declaration),
      );
      const [result] = await embedder.embed([colour(declaration.size, [200, 40, 90])]);
      expect(Math.hypot(...result!.vector)).toBeCloseTo(1, 5);
      const { channels, mean, std } = declaration.normalisation;
      const rgb = channels === 'bgr' ? [90, 40, 200] : [200, 40, 90];
      const raw = rgb.map((value, channel) => (value - mean[channel]!) / std[channel]!);
      expect(result!.norm).toBeCloseTo(Math.hypot(...raw), 3);
      await embedder.close();
    });

    test('has thresholds in order', () => {
      const { strict, loose, default: usual } = declaration.thresholds;
      expect(loose < usual && usual < strict).toBe(true);
    });
  },
);

test('a graph edited when it is opened gives the vectors of its file', async () => {
  const file = join(modelsDirectory(), mobilefacenet.file);
  const { embedder: declaration, sha256, atOpening } = mobilefacenet;
  const plain = await openEmbedder(declaration, file, sha256);
  const edited = await openEmbedder(declaration, file, sha256, atOpening);
  expect(edited.model.sha256).toBe(sha256);
  const vision = await loadVision();
  const { faces } = await vision.findFaces(await samplePhoto(3));
  const crops = await Promise.all(faces.map(({ crop }) => decodeCrop(crop, declaration.size)));
  const [expected, actual] = await Promise.all([plain.embed(crops), edited.embed(crops)]);
  for (const [index, { vector }] of expected.entries()) {
    expect(cosine(vector, actual[index]!.vector)).toBeGreaterThan(0.999999);
  }
  await Promise.all([plain.close(), edited.close(), vision.close()]);
});

test('a graph whose dimension is not the declared one is refused', async () => {
  const embedder = await openEmbedder(sface, await meansGraph(sface));
  await expect(embedder.embed([colour(112, [1, 2, 3])])).rejects.toThrow(
    'returned 3 numbers for each face, but declares 128',
  );
  await embedder.close();
});

test('crops follow the size and template of the embedder in use', async () => {
  const declaration = { ...dlibResnet, dimension: 3 };
  const vision = await loadVision({
    embedder: await openEmbedder(declaration, await meansGraph(declaration)),
  });
  const { faces } = await vision.findFaces(await samplePhoto(3));
  const [result] = await vision.embed([faces[0]!.crop]);
  expect(result!.vector).toHaveLength(3);
  expect(vision.embedder).toMatchObject({ template: 'dlib', thresholds: dlibResnet.thresholds });
  await vision.close();
});

test('the published batch of one and the edited graph agree', async () => {
  const file = join(modelsDirectory(), mobilefacenet.file);
  const one = await openEmbedder({ ...mobilefacenet.embedder, batch: 1 }, file, mobilefacenet.sha256);
  const four = await openEmbedder(mobilefacenet.embedder, file, mobilefacenet.sha256);
  const crops = [5, 60, 120, 180, 240].map((red) => colour(112, [red, 90, 60]));
  const [singly, together] = await Promise.all([one.embed(crops), four.embed(crops)]);
  for (const [index, { vector }] of singly.entries()) {
    expect(cosine(vector, together[index]!.vector)).toBeGreaterThan(0.99999);
  }
  await Promise.all([one.close(), four.close()]);
});
