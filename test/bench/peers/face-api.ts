import { decodeFor, folderOf, openTensorflow, require, type See } from './tensorflow.ts';

interface Net {
  loadFromDisk(folder: string): Promise<void>;
}

interface Found {
  readonly detection: { readonly box: { readonly height: number } };
  readonly descriptor: Float32Array;
}

interface Detecting {
  withFaceLandmarks(tiny: boolean): { withFaceDescriptors(): Promise<Found[]> };
}

/** As much of face-api as is used. */
interface FaceApi {
  readonly nets: Readonly<
    Record<
      | 'ssdMobilenetv1'
      | 'tinyFaceDetector'
      | 'faceLandmark68Net'
      | 'faceLandmark68TinyNet'
      | 'faceRecognitionNet',
      Net
    >
  >;
  readonly SsdMobilenetv1Options: new (options: { maxResults: number }) => object;
  readonly TinyFaceDetectorOptions: new (options: { inputSize: number }) => object;
  detectAllFaces(picture: unknown, options: object): Detecting;
}

/**
 * @vladmandic/face-api: detector, 68 landmarks, descriptor, with its own defaults but for the number of faces. `tiny`:
 * its faster detector and landmarks, which are for what is near.
 */
export const openFaceApi = async (tiny: boolean): Promise<See> => {
  const tf = await openTensorflow();
  const faceApi = require('@vladmandic/face-api/dist/face-api.node-wasm.js') as FaceApi;
  const { nets } = faceApi;
  const weights = folderOf('@vladmandic/face-api', 'model');
  const used = tiny
    ? [nets.tinyFaceDetector, nets.faceLandmark68TinyNet]
    : [nets.ssdMobilenetv1, nets.faceLandmark68Net];
  for (const net of [...used, nets.faceRecognitionNet]) await net.loadFromDisk(weights);
  const options = tiny
    ? new faceApi.TinyFaceDetectorOptions({ inputSize: 416 })
    : new faceApi.SsdMobilenetv1Options({ maxResults: 100 });
  return async (photo) => {
    const picture = await decodeFor(tf, photo);
    const found = await faceApi
      .detectAllFaces(picture, options)
      .withFaceLandmarks(tiny)
      .withFaceDescriptors();
    picture.dispose();
    return found.map(({ detection, descriptor }) => ({ height: detection.box.height, vector: descriptor }));
  };
};
