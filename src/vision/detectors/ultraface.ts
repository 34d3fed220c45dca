import { ultraface } from '../../../models/manifest.ts';
import { type Fitted, fitInside, halveFitted, pad } from '../letterbox.ts';
import { iou, overlap, suppress } from '../nms.ts';
import { floats, openInstalled, type Session } from '../session.ts';
import { writePlanes } from '../tensor.ts';
import type { Detection, Detector, Normalisation } from '../types.ts';
import { priorBox } from './ultraface-priors.ts';

const normalisation: Normalisation = { channels: 'rgb', mean: [127, 127, 127], std: [128, 128, 128] };

/** Scores above this are faces in the 320 x 240 pass. */
const threshold = 0.7;
/** The pass for small faces is stricter: little pictures of faces are found in foliage and cloth too. */
const smallThreshold = 0.9;
/**
 * Only faces lower than this in the first pass's input are taken from that pass: a tenth of a picture that
 * is 4:3 or wider, an eighth of an upright one, whose first pass sees it that much smaller.
 */
const smallHeight = 32;
/** Overlaps above which two boxes of one pass are the same face. */
const sameFace = 0.4;

/** Options of {@link openUltraFace}. */
export interface UltraFaceOptions {
  /** Adds the pass for small faces: recall on group photos 82% -> 96%. On by default. */
  smallFaces?: boolean;
}

/**
 * UltraFace RFB (Linzaer): boxes and scores, no points. One pass at its own 320 x 240, and one at up to
 * 640 x 480 for small faces, whose larger boxes are dropped: portraits exceed the largest prior there.
 */
export const openUltraFace = async (directory: string, options: UltraFaceOptions = {}): Promise<Detector> => {
  const session = await openInstalled(ultraface, directory);
  const { id, role, sha256, licence } = ultraface;
  const smallFaces = options.smallFaces ?? true;
  return {
    id,
    models: [{ id, role, sha256, licence, dimension: null }],
    detect: async (picture) => {
      // Where the first pass sees every pixel, a small face has fewer than 32 of them in height: too few to
      // recognise anyone by.
      if (!smallFaces || (picture.width <= 320 && picture.height <= 240)) {
        return pass(session, pad(await fitInside(picture, 320, 240), 320, 240), threshold);
      }
      const large = await fitInside(picture, 640, 480);
      // Halving saves reading the picture a second time (1 ms against 4).
      const half = halveFitted(large);
      const [found, extra] = await Promise.all([
        pass(session, pad(half, 320, 240), threshold),
        // Padded to whole cells of the strides that matter here, not to 640 x 480: 12.3 ms at 4:3, but 9.7
        // at 16:9 and 7.0 for an upright picture.
        pass(session, pad(large, cells(large.pixels.width), cells(large.pixels.height)), smallThreshold),
      ]);
      return merge(
        found,
        extra.filter(({ box }) => box.height < smallHeight * half.scaleY),
      );
    },
    close: () => session.close(),
  };
};

/** The next multiple of 32, the largest stride whose priors are small faces. */
const cells = (length: number): number => Math.ceil(length / 32) * 32;

const pass = async (session: Session, input: Fitted, minimum: number): Promise<Detection[]> => {
  const { width, height } = input.pixels;
  const planes = new Float32Array(3 * width * height);
  writePlanes(input.pixels, normalisation, planes);
  const outputs = await session.run(planes, [1, 3, height, width]);
  // Two scores a prior, background and face, softmaxed by the graph.
  const scores = floats(outputs, 'scores');
  const offsets = floats(outputs, 'offsets');
  const detections: Detection[] = [];
  for (let prior = 0; prior < scores.length / 2; prior++) {
    const score = scores[2 * prior + 1]!;
    if (score <= minimum) continue;
    const { x, y, width: w, height: h } = priorBox(offsets, prior, width, height);
    const { scaleX, scaleY } = input;
    const box = { x: x * scaleX, y: y * scaleY, width: w * scaleX, height: h * scaleY };
    detections.push({ box, score, points: null });
  }
  return suppress(detections, sameFace);
};

/** Adds the small faces that the first pass has not found already, whole or in part. */
const merge = (found: Detection[], extra: Detection[]): Detection[] => {
  const fresh = extra.filter((candidate) =>
    found.every(({ box }) => iou(box, candidate.box) <= 0.35 && overlap(box, candidate.box) <= 0.6),
  );
  return [...found, ...fresh];
};
