import { readLabelledFolder } from '../calibration/labelled-folder.ts';
import type { Database } from '../database/pool.ts';
import { WatchpostError } from '../errors.ts';
import { addFigures, type Figures, readFigures } from './figures.ts';
import { type EvaluationTools, startProduct } from './product.ts';
import { runRound } from './round.ts';
import { allButOne, roundsOf, type Split } from './split.ts';

/** The results of an evaluation, and what was measured. */
export interface Evaluation extends Figures {
  readonly folder: string;
  readonly rounds: number;
  /** Least similarity for a match: the shipped default of a list. */
  readonly threshold: number;
  readonly model: string;
  readonly seconds: number;
  /** How to open the databases that were kept, one a round. */
  readonly kept: readonly string[];
}

/** How to evaluate. */
interface EvaluationOptions {
  /**
   * How many photos of each person are held out one after the other, the last one first; at most as many as the person
   * with the most photos has.
   */
  readonly rounds: number;
  /** Leaves the databases. */
  readonly keep: boolean;
  /** Called with the step, the photos that are done with it, and all its photos. */
  readonly onProgress: (step: string, done: number, of: number) => void;
  /** Called with each round's database when everything is processed, before it is dropped. */
  readonly onDatabase?: (database: Database) => Promise<void>;
}

/**
 * Enrols the people of a labelled folder from all but one of their photos and submits the rest, through the pipeline,
 * with a worker in this process and a database of its own for each round; then counts the results in the rows.
 *
 * @throws {WatchpostError} folder_invalid; then no database was made.
 */
export const evaluate = async (
  tools: EvaluationTools,
  path: string,
  options: EvaluationOptions,
): Promise<Evaluation> => {
  const begun = performance.now();
  const folder = await readLabelledFolder(path, { maxPixels: tools.config.maxPixels });
  const rounds = Math.min(options.rounds, roundsOf(folder));
  if (rounds === 0) {
    throw new WatchpostError(
      'folder_invalid',
      `Nobody in ${path} has two photos: one to enrol, and one to be found in.`,
    );
  }
  const results = [];
  for (let round = 0; round < rounds; round++) {
    const prefix = rounds > 1 ? `round ${round + 1} of ${rounds}: ` : '';
    const onProgress: EvaluationOptions['onProgress'] = (step, done, of) =>
      options.onProgress(`${prefix}${step}`, done, of);
    results.push(await evaluateRound(tools, path, allButOne(folder, round), { ...options, onProgress }));
  }
  return {
    ...results.map(({ figures }) => figures).reduce(addFigures),
    folder: path,
    rounds,
    threshold: results[0]?.threshold ?? 0,
    model: tools.vision.embedder.id,
    seconds: Math.round((performance.now() - begun) / 100) / 10,
    kept: options.keep ? results.map(({ opens }) => opens) : [],
  };
};

/** One round, in a database of its own. */
const evaluateRound = async (
  tools: EvaluationTools,
  path: string,
  split: Split,
  options: EvaluationOptions,
): Promise<{ figures: Figures; threshold: number; opens: string }> => {
  const { database, opens, own } = await startProduct(tools, options);
  const round = await runRound(database, path, split, options.onProgress);
  const figures = await readFigures(database, round);
  await options.onDatabase?.(database);
  await own.stop();
  return { figures, threshold: round.threshold, opens };
};
