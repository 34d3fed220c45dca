import { type Graph, onnx, rawBytes } from './graph.ts';

/**
 * Weights closer to 0 than this are set to 0. Subnormal numbers begin at 1.2e-38; products of larger weights with
 * activations can still be subnormal. Vectors are unchanged for any cut-off up to 1e-6 (docs/performance.md).
 */
const tinyWeight = 1e-15;

/**
 * Sets weights to 0 that are too small to change a result. Intel CPUs compute with subnormal numbers in microcode:
 * with the published weights a face takes more than ten times as long there.
 */
export const clearTinyWeights = (graph: Graph): void => {
  for (const tensor of graph.initializer) {
    if (tensor.dataType !== onnx.TensorProto.DataType.FLOAT || !tensor.rawData?.length) continue;
    const values = new Float32Array(rawBytes(tensor));
    tensor.rawData = new Uint8Array(values.map((value) => (Math.abs(value) < tinyWeight ? 0 : value)).buffer);
  }
};
