import { type Config, visionOptions } from '../config.ts';
import { migrate } from '../database/migrate.ts';
import { waitForDatabase } from '../database/retry.ts';
import type { Log } from '../log.ts';
import { startWorker } from '../runner/worker.ts';
import { loadVisionThreads } from '../vision/threads.ts';
import { connect } from './connect.ts';
import type { Stopper } from './stop.ts';

/** `watchpost work`: one more worker process against the same database, until a signal ends it. */
export const work = async (config: Config, log: Log, stopper: Stopper): Promise<void> => {
  const ended = stopper.untilSignal(log);
  const database = await connect(config, log, stopper, { writable: true });
  await waitForDatabase(database, () => migrate(database.pool, log));
  const vision = await loadVisionThreads({
    calls: config.concurrency,
    ...visionOptions(config),
  });
  stopper.add(() => vision.close());
  const worker = await startWorker(
    { database, vision },
    { concurrency: config.concurrency, log, pulse: config.pulse },
  );
  stopper.add(() => worker.stop());
  process.stdout.write(`worker ${worker.id} is at work; stop it with Ctrl-C\n`);
  await ended;
};
