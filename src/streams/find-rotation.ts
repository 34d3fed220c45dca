import type { Vision } from '../vision/index.ts';
import { turned } from './turn.ts';

/** Degrees clockwise until a picture is upright. */
export const directions = [0, 90, 180, 270] as const;
export type Direction = (typeof directions)[number];

/** Looks that have to agree, and by how many more than speak for another direction. */
const votesNeeded = 3;
const leadNeeded = 2;
/** A head leans by so many degrees at most: a face that is found lying is not upright. */
const mostRoll = 30;
/** Milliseconds between two looks: from the first to the longest, they double while nobody is seen. */
const pauses = { first: 1_000, longest: 30_000 };

/** What is used of the models. */
export type Looks = Pick<Vision, 'findFaces' | 'embed' | 'embedder'>;

/**
 * How many faces a picture has that are surely upright when it is turned in each direction. Detectors find faces upside down,
 * too: what decides is the length of the vector of a face before it is normalised, which is short for one that is not upright.
 */
export const uprightFaces = async (vision: Looks, jpeg: Buffer): Promise<Record<Direction, number>> => {
  const counts = { 0: 0, 90: 0, 180: 0, 270: 0 };
  for (const direction of directions) {
    const { faces } = await vision.findFaces(turned(jpeg, direction), 'near');
    const usable = faces.filter(
      ({ gate, quality }) => gate.length === 0 && Math.abs(quality.roll) <= mostRoll,
    );
    const found = await vision.embed(usable.map(({ crop }) => crop));
    counts[direction] = found.filter(({ norm }) => norm >= vision.embedder.minimalNorm).length;
  }
  return counts;
};

/** Finds out from the frames of a camera how it is mounted. */
export class RotationFinder {
  readonly #vision: Looks;
  readonly #found: (direction: Direction) => Promise<unknown>;
  readonly #votes = new Map<Direction, number>();
  #isLooking = false;
  #isDone = false;
  #next = 0;
  #pause = pauses.first;

  /** @param found is called once, with what several frames agree on. */
  constructor(vision: Looks, found: (direction: Direction) => Promise<unknown>) {
    this.#vision = vision;
    this.#found = found;
  }

  /** Looks at a frame, beside its way: only at one at a time, and rarely while nobody is seen. */
  look(jpeg: Buffer): void {
    if (this.#isDone || this.#isLooking || performance.now() < this.#next) return;
    this.#isLooking = true;
    this.#judge(jpeg)
      // Of a frame that cannot be decoded the pipeline says so.
      .catch(() => {})
      .finally(() => {
        this.#next = performance.now() + this.#pause;
        this.#isLooking = false;
      });
  }

  async #judge(jpeg: Buffer): Promise<void> {
    const counts = await uprightFaces(this.#vision, jpeg);
    const [best, second] = [...directions].sort((a, b) => counts[b] - counts[a]);
    if (best === undefined || second === undefined || counts[best] === counts[second]) {
      this.#pause = Math.min(this.#pause * 2, pauses.longest);
      return;
    }
    this.#pause = pauses.first;
    const votes = (this.#votes.get(best) ?? 0) + 1;
    this.#votes.set(best, votes);
    const others = Math.max(0, ...[...this.#votes].filter(([one]) => one !== best).map(([, count]) => count));
    if (votes < votesNeeded || votes - others < leadNeeded) return;
    await this.#found(best);
    this.#isDone = true;
  }
}
