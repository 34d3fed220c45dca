import { liesIn } from './damage.ts';
import { type Decoded, decode, decodedSide } from './decode.ts';
import type { ImageLimits } from './inspect.ts';
import { fresh, scaled } from './nms.ts';
import type { Detection, Detector, FaceRange, Rotation } from './types.ts';

/** The longer side of the picture in which `automatic` searches for small faces, as of a 1920 x 1080 frame. */
const automaticSide = 1920;
/** The same for `far`, as of a 3840 x 2160 frame. */
const farSide = 3840;
/**
 * The factor by which `automatic` shrinks that picture, though not below 960 x 720. It then finds 99, 98 and 91% of
 * faces of 51, 38 and 31 px in frames of 1280 x 960; `far`, at full resolution, finds 99, 99 and 98% and takes one
 * and a half times as long.
 */
const automaticScale = 0.75;

/** A decoded photo with its faces. */
interface DetectedFaces extends Decoded {
  /** In pixels of `picture`. */
  detections: Detection[];
}

/**
 * Decodes a photo and detects its faces, at the resolution that `range` requires. With `automatic`, a photo larger
 * than {@link decodedSide} is decoded a second time, but only if the coarse passes suggest small faces. Of a damaged
 * photo, faces that do not lie within the decoded part are left out.
 *
 * Throws what `decode` throws.
 */
export const detectFaces = async (
  bytes: Uint8Array,
  detector: Detector,
  range: FaceRange,
  limits: ImageLimits = {},
  rotation: Rotation = 0,
): Promise<DetectedFaces> => {
  const decoded = await decode(bytes, limits, { side: range === 'far' ? farSide : decodedSide, rotation });
  const { faces, suggestsSmaller } = await detector.detect(decoded.picture);
  if (range === 'near' || (range === 'automatic' && !suggestsSmaller))
    return { ...decoded, detections: within(faces, decoded) };
  const larger =
    range === 'automatic' && decoded.scale > 1
      ? await decode(bytes, limits, { side: automaticSide, rotation })
      : decoded;
  const { picture } = larger;
  const scale =
    range === 'far' ? 1 : Math.max(automaticScale, Math.min(1, 960 / picture.width, 720 / picture.height));
  const small = await detector.detectSmall(picture, scale);
  const before = faces.map(({ box, score }) => ({ box: scaled(box, decoded.scale / larger.scale), score }));
  return { ...larger, detections: within([...before, ...fresh(before, small)], larger) };
};

const within = (detections: Detection[], { damage }: Decoded): Detection[] =>
  damage ? detections.filter(({ box }) => liesIn(box, damage.part)) : detections;
