import { type Decoded, decode, decodedSide } from './decode.ts';
import type { ImageLimits } from './inspect.ts';
import { fresh, moved } from './nms.ts';
import type { Detection, Detector, FaceRange } from './types.ts';

/** Longer side of the picture in which `automatic` looks for small faces: a frame of 1920 x 1080 as it comes. */
const automaticSide = 1920;
/** The same for `far`: a frame of 3840 x 2160. */
const farSide = 3840;
/**
 * How much `automatic` shrinks that picture for small faces, but not below 960 x 720. It finds 99, 98 and 91% of faces of
 * 51, 38 and 31 px in it; `far`, with every pixel, 99, 99 and 98%, in half as much time again.
 */
const automaticScale = 0.75;

/** A decoded photo with its faces. */
export interface Searched extends Decoded {
  /** In pixels of `picture`. */
  detections: Detection[];
}

/**
 * Decodes a photo and finds its faces, with as many pixels as their `range` asks for. `automatic` decodes a photo that is
 * larger than {@link decodedSide} again, only when the usual passes suggest small faces.
 *
 * Throws what `decode` throws.
 */
export const search = async (
  bytes: Uint8Array,
  detector: Detector,
  range: FaceRange,
  limits: ImageLimits = {},
): Promise<Searched> => {
  const decoded = await decode(bytes, limits, range === 'far' ? farSide : decodedSide);
  const { faces, smaller } = await detector.detect(decoded.picture);
  if (range === 'near' || (range === 'automatic' && !smaller)) return { ...decoded, detections: faces };
  const larger =
    range === 'automatic' && decoded.scale > 1 ? await decode(bytes, limits, automaticSide) : decoded;
  const { picture } = larger;
  const scale =
    range === 'far' ? 1 : Math.max(automaticScale, Math.min(1, 960 / picture.width, 720 / picture.height));
  const small = await detector.detectSmall(picture, scale);
  const before = faces.map((face) => moved(face, decoded.scale / larger.scale));
  return { ...larger, detections: [...before, ...fresh(before, small)] };
};
