import { type Rotation, rotations, type Vision } from '../vision/index.ts';

/** Looks that have to agree, and by how many more than speak for another direction. */
const votesNeeded = 3;
const leadNeeded = 2;
/** A head leans by so many degrees at most: a face that is found lying is not upright. */
const mostRoll = 30;
/** Milliseconds between two looks: from the first to the longest, they double while nobody is seen. */
const pauses = { first: 1_000, longest: 30_000 };
/** Cameras that are looked at at a time. */
const mostCameras = 2_000;

/** What is used of the models. */
type Looks = Pick<Vision, 'findFaces' | 'embed' | 'embedder'>;

/** What is known of a camera. */
interface Camera {
  readonly votes: Map<Rotation, number>;
  isLooking: boolean;
  /** When it may be looked at again, by performance.now(). */
  next: number;
  pause: number;
}

/**
 * Finds out from the frames of cameras how they are mounted. In memory and not in the database: where several workers share a
 * camera, each of them gathers votes of its own until one of them has enough.
 */
export class RotationFinder {
  readonly #vision: Looks;
  readonly #cameras = new Map<string, Camera>();

  constructor(vision: Looks) {
    this.#vision = vision;
  }

  /**
   * Looks at a frame that can be decoded: only at one of a camera at a time, and rarely while nobody is seen.
   *
   * @returns the rotation of the camera if this frame has decided; then its votes are forgotten.
   */
  async look(cameraId: string, bytes: Uint8Array): Promise<Rotation | undefined> {
    const camera = this.#camera(cameraId);
    if (camera.isLooking || performance.now() < camera.next) return undefined;
    camera.isLooking = true;
    try {
      const decided = vote(camera, await uprightFaces(this.#vision, bytes));
      if (decided !== undefined) this.#cameras.delete(cameraId);
      return decided;
    } finally {
      camera.next = performance.now() + camera.pause;
      camera.isLooking = false;
    }
  }

  #camera(id: string): Camera {
    const known = this.#cameras.get(id);
    if (known) return known;
    const added = { votes: new Map(), isLooking: false, next: 0, pause: pauses.first };
    this.#cameras.set(id, added);
    if (this.#cameras.size > mostCameras) {
      const [oldest] = this.#cameras.keys();
      this.#cameras.delete(oldest as string);
    }
    return added;
  }
}

/**
 * How many faces a picture has that are surely upright when it is turned in each direction. Detectors find faces upside down,
 * too: what decides is the length of the vector of a face before it is normalised, which is short for one that is not upright.
 */
const uprightFaces = async (vision: Looks, bytes: Uint8Array): Promise<Record<Rotation, number>> => {
  const counts = { 0: 0, 90: 0, 180: 0, 270: 0 };
  for (const rotation of rotations) {
    const { faces } = await vision.findFaces(bytes, 'near', rotation);
    const usable = faces.filter(
      ({ gate, quality }) => gate.length === 0 && Math.abs(quality.roll) <= mostRoll,
    );
    const found = await vision.embed(usable.map(({ crop }) => crop));
    counts[rotation] = found.filter(({ norm }) => norm >= vision.embedder.minimalNorm).length;
  }
  return counts;
};

/** Counts a vote for the direction with most faces. @returns the direction that has enough of them. */
const vote = (camera: Camera, counts: Record<Rotation, number>): Rotation | undefined => {
  const [best, second] = [...rotations].sort((a, b) => counts[b] - counts[a]) as [Rotation, Rotation];
  if (counts[best] === counts[second]) {
    camera.pause = Math.min(camera.pause * 2, pauses.longest);
    return undefined;
  }
  camera.pause = pauses.first;
  const { votes } = camera;
  votes.set(best, (votes.get(best) ?? 0) + 1);
  const others = Math.max(0, ...rotations.filter((one) => one !== best).map((one) => votes.get(one) ?? 0));
  const count = votes.get(best) ?? 0;
  return count >= votesNeeded && count - others >= leadNeeded ? best : undefined;
};
