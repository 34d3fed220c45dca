import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const path = (relative: string): string => fileURLToPath(new URL(`../../${relative}`, import.meta.url));

/** One of the six group photos that face-api ships, by number. */
export const samplePhoto = (number: number): Promise<Uint8Array> =>
  readFile(path(`node_modules/@vladmandic/face-api/demo/sample${number}.jpg`));

/** Faces in sample photos 1 to 6, counted by eye. */
export const sampleFaces = [3, 3, 3, 4, 5, 4];

/** Labelled photos and other weights, which are not part of the project; null without them. */
const beside = (relative: string): string | null => {
  const full = path(`../shared/${relative}`);
  return existsSync(full) ? full : null;
};
export const evaluationFolder = beside('eval');
export const yunetWeights = beside('models/yunet_n_dynamic.onnx');

/** Cosine of two vectors of length 1. */
export const cosine = (a: Float32Array, b: Float32Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
};
