import type { Config } from '../config.ts';
import { migrate } from '../database/migrate.ts';
import type { Log } from '../log.ts';
import { startWorker } from '../runner/worker.ts';
import { Stopper } from '../stopper.ts';
import type { Vision } from '../vision/index.ts';
import { provideTemporaryDatabase } from './temporary-database.ts';

/** What an evaluation runs with. */
export interface EvaluationTools {
  readonly config: Config;
  readonly log: Log;
  /** Stops, in the end or if the evaluation is interrupted, what was started. */
  readonly stopper: Stopper;
  readonly vision: Vision;
}

/**
 * Starts the product to be measured: a worker in this process on a temporary database.
 *
 * @returns its database, the setting that opens it if it is kept, and `own`, which ends it.
 */
export const startProduct = async (
  { config, log, stopper, vision }: EvaluationTools,
  options: { readonly keep: boolean },
) => {
  const own = new Stopper();
  stopper.add(() => own.stop());
  const { database, opens } = await provideTemporaryDatabase(config, log, own, options);
  await migrate(database.pool, log);
  const worker = await startWorker(
    { database, vision },
    { concurrency: config.concurrency, log, pulse: config.pulse },
  );
  own.add(() => worker.stop());
  return { database, opens, own };
};
