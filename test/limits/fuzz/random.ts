import { Vectors } from '../../support/vectors.ts';

/** A pseudo-random generator; the same seed gives the same sequence. */
export interface Random {
  /** A whole number from 0 to one less than the bound. */
  below(count: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  pick<T>(among: readonly T[]): T;
}

export const randomOf = (seed: number): Random => {
  const source = new Vectors(1, seed);
  const below = (count: number) => Math.floor(source.random() * count);
  return {
    below,
    chance: (probability) => source.random() < probability,
    pick: (among) => among[below(among.length)] as (typeof among)[number],
  };
};
