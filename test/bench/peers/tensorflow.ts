import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import type { Seen } from '../known-photos.ts';

/** Somebody else's way from the bytes of a photo to the descriptors of its faces. */
export type See = (photo: Uint8Array) => Promise<Seen[]>;

interface Tensor {
  dispose(): void;
}

/** As much of TensorFlow.js as is used. */
interface Tensorflow {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  tensor3d(data: Uint8Array, shape: readonly number[], type: string): Tensor;
}

/** The peers' bundles for Node are CommonJS, and load TensorFlow themselves: this must be the same one. */
export const require = createRequire(import.meta.url);

/** A folder within a package, found beside its entry: not every package lets its package.json be resolved. */
export const folderOf = (name: string, ...path: string[]): string =>
  join(dirname(dirname(require.resolve(name))), ...path);

/**
 * TensorFlow.js on WebAssembly with SIMD, the fastest of its backends that npm alone installs: the native one fetches a
 * library when it is installed. The threaded build does not start in Node: its worker's script is a `blob:` URL, which
 * `worker_threads` does not take. Hence one thread a process, and a process for each core.
 */
export const openTensorflow = async (): Promise<Tensorflow> => {
  const tf = require('@tensorflow/tfjs') as Tensorflow;
  require('@tensorflow/tfjs-backend-wasm');
  if (!(await tf.setBackend('wasm'))) throw new Error('TensorFlow.js has no WebAssembly backend here.');
  await tf.ready();
  return tf;
};

/** Decodes as the product does, which is faster than what the peers' examples decode with, and gives them no more pixels. */
export const decodeFor = async (tf: Tensorflow, photo: Uint8Array): Promise<Tensor> => {
  const { data, info } = await sharp(photo)
    .autoOrient()
    .resize(1280, 1280, { fit: 'inside', withoutEnlargement: true })
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return tf.tensor3d(data, [info.height, info.width, 3], 'int32');
};
