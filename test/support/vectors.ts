/** Random unit vectors that are the same in every run. */
export class Vectors {
  readonly #dimension: number;
  #state: number;

  constructor(dimension: number, seed: number) {
    this.#dimension = dimension;
    this.#state = seed;
  }

  /** 0 to 1 (mulberry32). */
  random(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  /** Anywhere on the sphere. */
  any(): number[] {
    return unit(Array.from({ length: this.#dimension }, () => this.#normal()));
  }

  /** Near another one, at about this cosine. */
  near(centre: readonly number[], cosine: number): number[] {
    const aside = this.any();
    return unit(centre.map((x, i) => x * cosine + (aside[i] as number) * Math.sqrt(1 - cosine ** 2)));
  }

  #normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.random())) * Math.cos(2 * Math.PI * this.random());
  }
}

const unit = (vector: readonly number[]): number[] => {
  const length = Math.hypot(...vector);
  return vector.map((x) => x / length);
};
