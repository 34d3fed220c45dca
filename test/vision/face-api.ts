import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import type { Demography, Pixels } from '../../src/vision/types.ts';

const file = (path: string): string => fileURLToPath(import.meta.resolve(`@vladmandic/face-api/${path}`));

/** face-api itself with its own weights, on the slow backend that is part of it: 0.5 s a face. */
export const openFaceApi = async (): Promise<{ estimate(crop: Pixels): Demography }> => {
  // Its bundle for browsers brings its backend along; the one for Node wants TensorFlow's native library.
  vi.stubGlobal('window', { document: {} });
  const faceApi = await import(file('dist/face-api.esm.js'));
  vi.unstubAllGlobals();
  const { tf, nets } = faceApi;
  await tf.setBackend('cpu');
  await tf.ready();
  const [{ weights }] = JSON.parse(
    await readFile(file('model/age_gender_model-weights_manifest.json'), 'utf8'),
  );
  const data = Uint8Array.from(await readFile(file('model/age_gender_model.bin')));
  nets.ageGenderNet.loadFromWeightMap(tf.io.decodeWeights(data.buffer, weights));
  return {
    estimate: ({ data, width, height }) =>
      tf.tidy(() => {
        const input = new faceApi.NetInput([tf.tensor4d(Float32Array.from(data), [1, height, width, 3])]);
        const { age, gender } = nets.ageGenderNet.forwardInput(input);
        return { age: age.dataSync()[0], male: gender.dataSync()[0] };
      }),
  };
};
