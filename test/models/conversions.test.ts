import { describe, expect, test } from 'vitest';
import { ageGenderToOnnx } from '../../models/conversions/age-gender.ts';
import { outInHeightWidth, readWeights } from '../../models/conversions/tfjs-weights.ts';

const json = (weights: object[]): Uint8Array => Buffer.from(JSON.stringify([{ weights, paths: ['x.bin'] }]));
const plain = { name: 'plain', shape: [2], dtype: 'float32' };
const bytes = {
  name: 'bytes',
  shape: [1, 3],
  dtype: 'float32',
  quantization: { dtype: 'uint8', scale: 0.5, min: -1 },
};
const data = (): Buffer => {
  const buffer = Buffer.alloc(11);
  buffer.writeFloatLE(1.5, 0);
  buffer.writeFloatLE(-2, 4);
  buffer.set([0, 2, 255], 8);
  return buffer;
};

describe('weights of TensorFlow.js', () => {
  test('are read as floats, and as bytes with their scale', () => {
    const weights = readWeights(json([plain, bytes]), data());
    expect([...weights.get('plain')!.values]).toEqual([1.5, -2]);
    expect(weights.get('bytes')).toEqual({ shape: [1, 3], values: Float32Array.of(-1, 0, 126.5) });
  });

  test('are refused if list and numbers do not match, or have another type', () => {
    expect(() => readWeights(json([plain, bytes]), data().subarray(1))).toThrow(
      'the weights end before bytes',
    );
    expect(() => readWeights(json([plain]), data())).toThrow('3 bytes of weights are left over');
    expect(() => readWeights(json([{ ...plain, dtype: 'int32' }]), data())).toThrow('stored as int32');
  });

  test('have their filters in the layout of ONNX', () => {
    // Height 1, width 2, two inputs, one output.
    const turned = outInHeightWidth({ shape: [1, 2, 2, 1], values: Float32Array.of(1, 2, 3, 4) });
    expect(turned).toEqual({ shape: [1, 2, 1, 2], values: Float32Array.of(1, 3, 2, 4) });
  });
});

describe('the age and gender network', () => {
  test('is refused for the weights of another network', () => {
    expect(() => ageGenderToOnnx(json([plain, bytes]), data())).toThrow(
      'not the published age and gender network: it has no entry_flow/conv_in',
    );
  });
});
