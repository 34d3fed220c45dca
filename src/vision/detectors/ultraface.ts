import { ultraface } from '../../../models/manifest.ts';
import { type Fitted, fitInside, halveFitted, pad, padToCells } from '../letterbox.ts';
import { fresh, suppress } from '../nms.ts';
import { floats, type OnnxSession, openInstalled } from '../session.ts';
import { writePlanes } from '../tensor.ts';
import type { Detection, Detector, Normalisation } from '../types.ts';
import { findSmall } from './small-passes.ts';
import { priorBox } from './ultraface-priors.ts';

const normalisation: Normalisation = { channels: 'rgb', mean: [127, 127, 127], std: [128, 128, 128] };

/** The least score of a face in the 320 x 240 pass. */
const threshold = 0.7;
/**
 * The least score in the pass for small faces, which also finds face-like patterns in foliage and cloth: in 168 real
 * photos it found 1 false face at 0.9 and 8 at 0.7. Candidates with a lower score are left to a finer pass.
 */
const smallThreshold = 0.9;
/** The least score in the finer passes, where a face has at least three times as many pixels. */
const finerThreshold = 0.8;
/**
 * A candidate in the 640 x 480 pass with this score and height (pixels) suggests that a finer pass finds more faces.
 * Candidates below 12 px are mostly patterns in portraits.
 */
const suggestive = { score: 0.6, from: 12, to: 26 };
/**
 * Only faces lower than this, in pixels of the first pass's input, are taken from the second pass: a tenth of a
 * picture that is 4:3 or wider, an eighth of an upright one, which is shrunk more for the first pass.
 */
const smallHeight = 32;
/** Two boxes of one pass with a larger overlap are the same face. */
const suppressionOverlap = 0.4;

/**
 * UltraFace RFB (Linzaer): boxes and scores, no points. One pass at its native 320 x 240, and one at up to 640 x 480
 * for small faces, whose larger boxes are dropped: there portraits exceed the largest prior.
 */
export const openUltraFace = async (directory: string): Promise<Detector> => {
  const session = await openInstalled(ultraface, directory);
  const { id, role, sha256, licence } = ultraface;
  return {
    id,
    models: [{ id, role, sha256, licence, dimension: null }],
    detect: async (picture) => {
      // The first pass has full resolution here. A face that is too small for it is lower than 32 pixels, too small
      // to recognise.
      if (picture.width <= 320 && picture.height <= 240) {
        const input = pad(await fitInside(picture, 320, 240), 320, 240);
        return { faces: await pass(session, input, threshold), suggestsSmaller: false };
      }
      const large = await fitInside(picture, 640, 480);
      // Halving is faster than resizing the picture a second time (1 ms instead of 4).
      const half = halveFitted(large);
      const [found, candidates] = await Promise.all([
        pass(session, pad(half, 320, 240), threshold),
        // Padded to multiples of the stride instead of to 640 x 480: less work for pictures that are not 4:3.
        pass(session, padToCells(large), suggestive.score),
      ]);
      const small = fresh(
        found,
        candidates.filter(({ box }) => box.height < smallHeight * half.scaleY),
      );
      return {
        faces: [...found, ...small.filter(({ score }) => score > smallThreshold)],
        suggestsSmaller: small.some(({ box }) => {
          const height = box.height / large.scaleY;
          return height >= suggestive.from && height < suggestive.to;
        }),
      };
    },
    detectSmall: (picture, scale) =>
      findSmall(picture, scale, (input) => pass(session, input, finerThreshold)),
    close: () => session.close(),
  };
};

/** One run of the network; faces are in pixels of the picture from which `input` was made. */
const pass = async (session: OnnxSession, input: Fitted, minimum: number): Promise<Detection[]> => {
  const { width, height } = input.pixels;
  const planes = new Float32Array(3 * width * height);
  writePlanes(input.pixels, normalisation, planes);
  const outputs = await session.run(planes, [1, 3, height, width]);
  // Two scores for each prior, background and face, softmaxed by the graph.
  const scores = floats(outputs, 'scores');
  const offsets = floats(outputs, 'offsets');
  const detections: Detection[] = [];
  for (let prior = 0; prior < scores.length / 2; prior++) {
    const score = scores[2 * prior + 1]!;
    if (score <= minimum) continue;
    const { x, y, width: w, height: h } = priorBox(offsets, prior, width, height);
    const { scaleX, scaleY } = input;
    const box = { x: x * scaleX, y: y * scaleY, width: w * scaleX, height: h * scaleY };
    detections.push({ box, score });
  }
  return suppress(detections, suppressionOverlap);
};
