import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { decodeFor, folderOf, openTensorflow, require, type See } from './tensorflow.ts';

interface Result {
  readonly error?: string | null;
  readonly face: readonly {
    readonly box: readonly [number, number, number, number];
    readonly embedding?: number[];
  }[];
}

/** As much of human as is used. */
interface Human {
  load(): Promise<void>;
  detect(picture: unknown): Promise<Result>;
}

const off = { enabled: false };

/** Each photo is another one: nothing of the one before is taken over. */
const always = { skipFrames: 0, skipTime: 0 };

/**
 * @vladmandic/human: detector, mesh, which turns the face upright for the descriptor, and descriptor; all else off. Without
 * the mesh it is no faster and takes one of the samples' 22 faces for two. Its models come in its package.
 */
export const openHuman = async (): Promise<See> => {
  const tf = await openTensorflow();
  fetchFiles();
  const { Human } = require(folderOf('@vladmandic/human', 'dist/human.node-wasm.js')) as {
    Human: new (options: object) => Human;
  };
  const human = new Human({
    backend: 'wasm',
    wasmPath: folderOf('@tensorflow/tfjs-backend-wasm', 'dist/'),
    modelBasePath: pathToFileURL(folderOf('@vladmandic/human', 'models/')).href,
    cacheModels: false,
    cacheSensitivity: 0,
    warmup: 'none',
    debug: false,
    filter: off,
    gesture: off,
    body: off,
    hand: off,
    object: off,
    segmentation: off,
    face: {
      enabled: true,
      detector: { rotation: true, maxDetected: 100, ...always },
      mesh: { enabled: true },
      description: { enabled: true, ...always },
      attention: off,
      iris: off,
      emotion: off,
      antispoof: off,
      liveness: off,
      gear: off,
    },
  });
  await human.load();
  return async (photo) => {
    const picture = await decodeFor(tf, photo);
    const { face, error } = await human.detect(picture);
    picture.dispose();
    if (error) throw new Error(error);
    return face.map(({ box, embedding }) => {
      if (!embedding?.length) throw new Error('human has not described a face that it has found.');
      return { height: box[3], vector: embedding };
    });
  };
};

/** Its WebAssembly build asks `fetch` for its models, and Node's does not read files. */
const fetchFiles = (): void => {
  const web = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const url = String(input instanceof Request ? input.url : input);
    if (!url.startsWith('file:')) return web(input, init);
    return new Response(Uint8Array.from(await readFile(new URL(url))));
  };
};
