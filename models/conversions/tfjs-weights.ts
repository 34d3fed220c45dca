/** A named array of a network, in TensorFlow's layout (filters: height, width, in, out). */
export interface Weights {
  shape: number[];
  values: Float32Array;
}

/** The part of a TensorFlow.js weights manifest that is used. */
interface WeightsManifest {
  weights: {
    name: string;
    shape: number[];
    dtype: string;
    quantization?: { dtype: string; scale: number; min: number };
  }[];
}

/**
 * Reads weights in the format of TensorFlow.js: a JSON list of names and shapes, and one file with all numbers in
 * that order, as float32 or as bytes `b` that stand for `b * scale + min`.
 *
 * Throws if the two files do not match, or the numbers have another type.
 */
export const readWeights = (manifest: Uint8Array, data: Uint8Array): Map<string, Weights> => {
  const [{ weights }] = JSON.parse(Buffer.from(manifest).toString('utf8')) as [WeightsManifest];
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const found = new Map<string, Weights>();
  let at = 0;
  for (const { name, shape, dtype, quantization } of weights) {
    const kind = quantization?.dtype ?? dtype;
    if (dtype !== 'float32' || (kind !== 'float32' && kind !== 'uint8'))
      throw new Error(`the weights ${name} are stored as ${kind} for ${dtype}, which is not read here`);
    const values = new Float32Array(shape.reduce((size, side) => size * side, 1));
    const step = quantization ? 1 : 4;
    if (at + values.length * step > data.byteLength) throw new Error(`the weights end before ${name}`);
    for (let i = 0; i < values.length; i++, at += step) {
      values[i] = quantization
        ? view.getUint8(at) * quantization.scale + quantization.min
        : view.getFloat32(at, true);
    }
    found.set(name, { shape, values });
  }
  if (at !== data.byteLength) throw new Error(`${data.byteLength - at} bytes of weights are left over`);
  return found;
};

/** Filters in the layout of ONNX: out, in, height, width. */
export const outInHeightWidth = ({ shape, values }: Weights): Weights => {
  const [height, width, from, to] = shape as [number, number, number, number];
  const turned = new Float32Array(values.length);
  let at = 0;
  for (let o = 0; o < to; o++)
    for (let i = 0; i < from; i++)
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) turned[at++] = values[((y * width + x) * from + i) * to + o]!;
  return { shape: [to, from, height, width], values: turned };
};
