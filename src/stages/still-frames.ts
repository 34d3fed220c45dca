import {
  differenceOf,
  type ImageHeader,
  type ImageLimits,
  type Rotation,
  sketchOf,
} from '../vision/index.ts';

/** A frame of a camera with a rate. */
interface Frame {
  readonly imageId: string;
  readonly cameraId: string;
  readonly capturedAt: Date;
  /** As `image.rotation`. */
  readonly rotation: Rotation;
  /** As `camera.still_difference`. */
  readonly stillDifference: number;
}

/** That nothing has moved: the frame that this one is like, and how much they differ. */
export interface Still {
  readonly of: string;
  readonly difference: number;
}

/** A frame of the last seconds that was searched, as {@link StillFrames} remembers it. */
type Searched = Frame & { readonly sketch: Uint8Array };

/**
 * Between a frame that was searched and one that is still because of it. So somebody who stands for a minute before a picture
 * of which nothing else moves is searched six times, and a change that is too slow to be seen from one frame to the next
 * is noticed.
 */
const longestMs = 10_000;

/** Cameras whose last frame is remembered, of 5 KB each. */
const mostCameras = 2_000;

/**
 * The last frame of each camera that this process has searched. In memory and not in the database: a frame is then
 * compared without a further row to be read or written, and where several workers share a camera each of them searches a
 * frame of its own after a change. The picture that it keeps is gone with the process.
 */
export class StillFrames {
  readonly #searched = new Map<string, Searched>();
  readonly #limits: ImageLimits;

  constructor(limits: ImageLimits = {}) {
    this.#limits = limits;
  }

  /**
   * Compares a frame with the last one of its camera that was searched.
   *
   * @returns its header, and if it is still, of what; `searched` is to be called when its faces were found. Undefined: it
   *   cannot be compared.
   */
  async compare(
    frame: Frame,
    bytes: Uint8Array,
  ): Promise<{ header: ImageHeader; still: Still | undefined; searched: () => void } | undefined> {
    const found = await sketchOf(bytes, this.#limits, frame.rotation);
    if (!found) return undefined;
    const { header, sketch } = found;
    return {
      header,
      still: this.#stillOf(frame, sketch),
      searched: () => this.#remember({ ...frame, sketch }),
    };
  }

  #stillOf(frame: Frame, sketch: Uint8Array): Still | undefined {
    const last = this.#searched.get(frame.cameraId);
    // A frame that is delivered again is not like itself: its faces may not have been written.
    if (!last || last.imageId === frame.imageId) return undefined;
    // Turned in another way, the same picture has other faces.
    if (last.rotation !== frame.rotation) return undefined;
    if (Math.abs(frame.capturedAt.getTime() - last.capturedAt.getTime()) > longestMs) return undefined;
    const difference = differenceOf(sketch, last.sketch);
    return difference <= frame.stillDifference ? { of: last.imageId, difference } : undefined;
  }

  #remember(frame: Searched): void {
    const last = this.#searched.get(frame.cameraId);
    if (last && last.capturedAt > frame.capturedAt) return;
    this.#searched.delete(frame.cameraId);
    this.#searched.set(frame.cameraId, frame);
    if (this.#searched.size > mostCameras) {
      const [oldest] = this.#searched.keys();
      this.#searched.delete(oldest as string);
    }
  }
}
