import type { Server } from './server.ts';

/** What one run of one side showed, by name: rates, percentiles in ms, CPU seconds, WAL bytes an event, megabytes. */
export type Figures = Readonly<Record<string, number>>;

/** One of the figures that is compared between the sides. */
interface Judged {
  /** For example "16 clients". */
  readonly what: string;
  readonly unit: string;
  /** Its name in the figures of both sides. */
  readonly figure: string;
  /** How the sides are compared: ours / theirs, or ours - theirs. */
  readonly by: 'ratio' | 'difference';
  /** What the ratio or difference must be; null: reported only. */
  readonly target: { readonly atLeast: number } | { readonly atMost: number } | null;
}

/** Two sides under the same conditions, one after the other. */
export interface Comparison {
  readonly ours: () => Promise<Figures>;
  readonly theirs: () => Promise<Figures>;
  readonly judged: readonly Judged[];
  /** How often both are run, where a run is too long for as often as the others. */
  readonly rounds?: number;
}

/** The options of the command line. */
export interface Options {
  /** A folder of photos, in folders by person, to be used beside those that come with the models. */
  readonly photos: string | undefined;
  /** A folder in which what takes long to prepare is kept for the next time. */
  readonly keep: string | undefined;
}

/** A bench. */
export interface Bench {
  readonly name: string;
  readonly measures: string;
  readonly against: string;
  /** Prepares and gives the comparisons; `end` cleans up what they need. */
  prepare(server: Server, options: Options): Promise<{ comparisons: Comparison[]; end(): Promise<void> }>;
}

/** What came of a figure that was compared. */
export interface Outcome extends Omit<Judged, 'figure'> {
  readonly bench: string;
  /** Medians over the rounds. */
  readonly ours: number;
  readonly theirs: number;
  /** Median of the rounds' ratios or differences, and the least and greatest of them. */
  readonly compared: number;
  readonly spread: readonly [least: number, greatest: number];
  readonly held: boolean | null;
}

/** A comparison with all that its rounds showed. */
export interface Compared {
  readonly outcomes: readonly Outcome[];
  readonly rounds: readonly { readonly ours: Figures; readonly theirs: Figures }[];
}

/**
 * Runs both sides in turn, A B A B, so that what else the machine does hits both. A round's ratio is that of two runs
 * next to each other; the median over the rounds is what is printed.
 */
export const compare = async (bench: string, comparison: Comparison, most: number): Promise<Compared> => {
  const rounds: { ours: Figures; theirs: Figures }[] = [];
  for (let round = 0; round < Math.min(most, comparison.rounds ?? most); round++) {
    const ours = await comparison.ours();
    const theirs = await comparison.theirs();
    rounds.push({ ours, theirs });
  }
  return {
    rounds,
    outcomes: comparison.judged.map(({ figure, ...judged }) => {
      const ours = rounds.map((round) => figureOf(round.ours, figure));
      const theirs = rounds.map((round) => figureOf(round.theirs, figure));
      const compared = ours.map((value, round) =>
        judged.by === 'ratio' ? value / theirs[round]! : value - theirs[round]!,
      );
      const middle = median(compared);
      const { target } = judged;
      return {
        ...judged,
        bench,
        ours: median(ours),
        theirs: median(theirs),
        compared: middle,
        spread: [Math.min(...compared), Math.max(...compared)],
        held: target && ('atLeast' in target ? middle >= target.atLeast : middle <= target.atMost),
      };
    }),
  };
};

const figureOf = (figures: Figures, name: string): number => {
  const value = figures[name];
  if (value === undefined) throw new Error(`A run has no figure ${name}.`);
  return value;
};

const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};
