import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { decodeModel, encodeModel, floatTensor, onnx, rawBytes } from '../../models/edits/graph.ts';
import { applyEdits } from '../../models/edits/index.ts';

const value = (name: string, shape: number[]) => ({
  name,
  type: {
    tensorType: {
      elemType: onnx.TensorProto.DataType.FLOAT,
      shape: { dim: shape.map((dimValue) => ({ dimValue })) },
    },
  },
});

/** `PRelu` with a slope a channel, then a `Reshape` to [1, -1]: what the edits meet in the real graphs. */
const published = (): Uint8Array => {
  const shape = new BigInt64Array([1n, -1n]);
  return encodeModel(
    onnx.ModelProto.fromObject({
      irVersion: 7,
      opsetImport: [{ domain: '', version: 9 }],
      graph: {
        name: 'published',
        input: [value('input', [1, 2, 2, 1])],
        output: [value('output', [1, 4])],
        initializer: [
          floatTensor('slope', [2, 1, 1], Float32Array.of(0.25, -3)),
          { name: 'shape', dims: [2], dataType: 7, rawData: new Uint8Array(shape.buffer) },
        ],
        node: [
          { opType: 'PRelu', input: ['input', 'slope'], output: ['bent'] },
          { opType: 'Reshape', input: ['bent', 'shape'], output: ['output'] },
        ],
      },
    }),
  );
};

const run = async (graph: Uint8Array, data: number[], dims: number[]): Promise<number[]> => {
  const session = await ort.InferenceSession.create(graph);
  const { output } = await session.run({ input: new ort.Tensor('float32', data, dims) });
  await session.release();
  return [...(output!.data as Float32Array)];
};

describe('graph edits', () => {
  test('prelu-as-min computes the same function with faster nodes', async () => {
    const edited = applyEdits(published(), ['prelu-as-min']);
    const data = [-8, 6, -2, 0];
    expect(await run(edited, data, [1, 2, 2, 1])).toEqual([-2, 6, 6, 0]);
    expect(await run(edited, data, [1, 2, 2, 1])).toEqual(await run(published(), data, [1, 2, 2, 1]));
    const { graph } = onnx.ModelProto.decode(edited);
    expect(graph!.node!.map((node) => node.opType)).toEqual(['Relu', 'Min', 'Mul', 'Add', 'Reshape']);
  });

  test('prelu-in-blocks computes the same function with convolutions', async () => {
    const edited = applyEdits(published(), ['prelu-as-min', 'prelu-in-blocks']);
    const data = [-8, 6, -2, 0];
    expect(await run(edited, data, [1, 2, 2, 1])).toEqual(await run(published(), data, [1, 2, 2, 1]));
    const { graph } = onnx.ModelProto.decode(edited);
    expect(graph!.node!.map((node) => node.opType)).toEqual([
      ...['Relu', 'Conv', 'Relu', 'Conv', 'Add'],
      'Reshape',
    ]);
  });

  test('dynamic-batch accepts batches that the published graph refuses', async () => {
    const data = [-8, 6, -2, 0, 1, 2, 3, -4];
    await expect(run(published(), data, [2, 2, 2, 1])).rejects.toThrow();
    const edited = applyEdits(published(), ['dynamic-batch', 'prelu-as-min']);
    expect(await run(edited, data, [2, 2, 2, 1])).toEqual([-2, 6, 6, 0, 1, 2, 3, 12]);
  });

  test('clear-tiny-weights sets to 0 what is within 1e-15 of it, and nothing else', () => {
    const weights = Float32Array.of(1e-40, -1e-40, 9e-16, -9e-16, 1.1e-15, -1.1e-15, 0, 1, -2);
    const edited = applyEdits(
      encodeModel(
        onnx.ModelProto.fromObject({
          graph: {
            initializer: [
              floatTensor('weights', [9], weights),
              { name: 'shape', dims: [1], dataType: 7, rawData: new Uint8Array(BigInt64Array.of(1n).buffer) },
            ],
          },
        }),
      ),
      ['clear-tiny-weights'],
    );
    const [cleared, shape] = decodeModel(edited).graph.initializer;
    expect([...new Float32Array(rawBytes(cleared!))]).toEqual([0, 0, 0, 0, ...weights.slice(4)]);
    expect([...new BigInt64Array(rawBytes(shape!))]).toEqual([1n]);
  });

  test('write the same bytes every time, with the digest of the manifest', () => {
    const edits = ['dynamic-batch', 'prelu-as-min'] as const;
    expect(applyEdits(published(), edits)).toEqual(applyEdits(published(), edits));
  });

  test('leave a file without edits unchanged', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    expect(applyEdits(bytes, [])).toBe(bytes);
  });

  test('refuse a graph they were not made for', () => {
    expect(() => applyEdits(published(), ['ultraface-any-size'])).toThrow(
      'not the published UltraFace graph',
    );
    expect(() => applyEdits(new Uint8Array(), ['dynamic-batch'])).toThrow('not an ONNX model');
  });
});
