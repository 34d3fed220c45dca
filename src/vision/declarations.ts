import type { EmbedderDeclaration } from './types.ts';

/**
 * Declarations of embedder families whose weights the user supplies; none is shipped. Copy one, give it its own id
 * (the id is stored with every vector), and measure its thresholds and enrolment limits on your own photos.
 */

/** ArcFace w600k (InsightFace). Its published weights are for non-commercial research only. */
export const arcfaceW600k: EmbedderDeclaration = {
  id: 'arcface-w600k-512',
  licence: 'non-commercial research only (InsightFace)',
  size: 112,
  template: 'arcface',
  normalisation: { channels: 'rgb', mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5] },
  dimension: 512,
  l2: true,
  batch: 4,
  thresholds: { default: 0.45, strict: 0.5, loose: 0.4 },
  minimalNorm: 0,
  enrolment: { unlike: 0.25, alike: 0.5 },
};

/** SFace (OpenCV zoo, Apache-2.0); 0.363 is its authors' cosine threshold. */
export const sface: EmbedderDeclaration = {
  id: 'sface-128',
  licence: 'Apache-2.0',
  size: 112,
  template: 'arcface',
  normalisation: { channels: 'bgr', mean: [0, 0, 0], std: [1, 1, 1] },
  dimension: 128,
  l2: true,
  // The published export has a fixed batch of one.
  batch: 1,
  thresholds: { default: 0.363, strict: 0.42, loose: 0.32 },
  minimalNorm: 0,
  enrolment: { unlike: 0.2, alike: 0.42 },
};

/** dlib's ResNet as ONNX (public domain). Its cosines are close together: TAR at FAR 1e-3 is reached at 0.930. */
export const dlibResnet: EmbedderDeclaration = {
  id: 'dlib-resnet-128',
  licence: 'CC0-1.0',
  size: 150,
  template: 'dlib',
  normalisation: { channels: 'rgb', mean: [0, 0, 0], std: [1, 1, 1] },
  output: 'descriptor',
  dimension: 128,
  l2: true,
  batch: 4,
  thresholds: { default: 0.935, strict: 0.945, loose: 0.925 },
  minimalNorm: 0,
  enrolment: { unlike: 0.9, alike: 0.945 },
};
