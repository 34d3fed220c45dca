import { readLabelledFolder } from '../calibration/labelled-folder.ts';
import type { Stopper } from '../commands/stop.ts';
import { Stopper as RoundStopper } from '../commands/stop.ts';
import { type Config, visionOptions } from '../config.ts';
import { migrate } from '../database/migrate.ts';
import { WatchpostError } from '../errors.ts';
import type { Log } from '../log.ts';
import { startWorker } from '../runner/worker.ts';
import { loadVision } from '../vision/index.ts';
import { addFigures, type Figures, readFigures } from './figures.ts';
import { runRound } from './round.ts';
import { allButOne, roundsOf } from './split.ts';
import { provideTemporaryDatabase } from './temporary-database.ts';

/** What an evaluation has found, and what with. */
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

/**
 * Enrols the people of a labelled folder from all but one of their photos and submits the rest, through the pipeline
 * and a database of its own for each round, with a worker in this process; then counts from the rows.
 *
 * @param options.rounds how many photos of each person are held out in turn, the last one first; at most as many as the
 *   person with the most photos has.
 * @param options.keep leaves the databases.
 * @param options.onDatabase is given each round's database once everything is processed, before it goes.
 * @throws {WatchpostError} folder_invalid; then nothing was made.
 */
export const evaluate = async (
  config: Config,
  log: Log,
  stopper: Stopper,
  path: string,
  options: {
    rounds: number;
    keep: boolean;
    onProgress: (what: string, ended: number, of: number) => void;
    onDatabase?: (
      database: Awaited<ReturnType<typeof provideTemporaryDatabase>>['database'],
    ) => Promise<void>;
  },
): Promise<Evaluation> => {
  const begun = performance.now();
  const folder = await readLabelledFolder(path, { maxPixels: config.maxPixels });
  const rounds = Math.min(options.rounds, roundsOf(folder));
  if (rounds === 0) {
    throw new WatchpostError(
      'folder_invalid',
      `Nobody in ${path} has two photos: one to enrol, and one to be found in.`,
    );
  }
  const vision = await loadVision(visionOptions(config));
  stopper.add(() => vision.close());

  let figures: Figures | undefined;
  let threshold = 0;
  const kept: string[] = [];
  for (let round = 0; round < rounds; round++) {
    const own = new RoundStopper();
    stopper.add(() => own.stop());
    const { database, opens } = await provideTemporaryDatabase(config, log, own, options);
    await migrate(database.pool, log);
    const worker = await startWorker(
      { database, vision },
      { concurrency: config.concurrency, log, pulse: config.pulse },
    );
    own.add(() => worker.stop());
    const prefix = rounds > 1 ? `round ${round + 1} of ${rounds}: ` : '';
    const ended = await runRound(database, path, allButOne(folder, round), (what, done, of) =>
      options.onProgress(`${prefix}${what}`, done, of),
    );
    const counted = await readFigures(database, ended);
    figures = figures ? addFigures(figures, counted) : counted;
    threshold = ended.threshold;
    await options.onDatabase?.(database);
    if (options.keep) kept.push(opens);
    await own.stop();
  }
  return {
    ...(figures as Figures),
    folder: path,
    rounds,
    threshold,
    model: vision.embedder.id,
    seconds: Math.round((performance.now() - begun) / 100) / 10,
    kept,
  };
};
