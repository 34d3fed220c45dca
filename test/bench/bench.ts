import type { Server } from './server.ts';

/** One measurement of one side, in the bench's own unit. */
export interface Sample {
  /** What is compared: a rate (higher is better) or a time (lower is better). */
  readonly value: number;
  /** Further figures, by name: percentiles in ms, CPU seconds, WAL bytes an event, megabytes. */
  readonly details?: Readonly<Record<string, number>>;
}

/** Two sides under the same conditions, one after the other. */
export interface Comparison {
  /** For example "16 clients". */
  readonly what: string;
  readonly unit: string;
  readonly ours: () => Promise<Sample>;
  readonly theirs: () => Promise<Sample>;
  /** The ratio ours / theirs must be at least or at most this; null: reported only. */
  readonly target: { readonly atLeast: number } | { readonly atMost: number } | null;
}

/** What a bench may use. */
export interface Bench {
  readonly name: string;
  readonly measures: string;
  readonly against: string;
  /** Prepares and gives the comparisons; `end` cleans up what they need. */
  prepare(server: Server): Promise<{ comparisons: Comparison[]; end(): Promise<void> }>;
}

/** What came of a comparison. */
export interface Outcome {
  readonly bench: string;
  readonly what: string;
  readonly unit: string;
  /** Medians over the rounds. */
  readonly ours: number;
  readonly theirs: number;
  /** Median of the rounds' ratios, and the least and greatest of them. */
  readonly ratio: number;
  readonly spread: readonly [least: number, greatest: number];
  readonly target: Comparison['target'];
  readonly held: boolean | null;
  readonly rounds: readonly { readonly ours: Sample; readonly theirs: Sample }[];
}

/**
 * Runs both sides in turn, A B A B, so that what else the machine does hits both. A round's ratio is that of two runs
 * next to each other; the median over the rounds is what is told.
 */
export const compare = async (bench: string, comparison: Comparison, rounds: number): Promise<Outcome> => {
  const { what, unit, target } = comparison;
  const taken: { ours: Sample; theirs: Sample }[] = [];
  for (let round = 0; round < rounds; round++) {
    const ours = await comparison.ours();
    const theirs = await comparison.theirs();
    taken.push({ ours, theirs });
  }
  const ratios = taken.map(({ ours, theirs }) => ours.value / theirs.value);
  const ratio = median(ratios);
  return {
    bench,
    what,
    unit,
    ours: median(taken.map((one) => one.ours.value)),
    theirs: median(taken.map((one) => one.theirs.value)),
    ratio,
    spread: [Math.min(...ratios), Math.max(...ratios)],
    target,
    held: target && ('atLeast' in target ? ratio >= target.atLeast : ratio <= target.atMost),
    rounds: taken,
  };
};

const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};
