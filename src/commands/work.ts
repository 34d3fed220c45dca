import { assertReadable } from '../database/at-rest.ts';
import { waitForDatabase } from '../database/retry.ts';
import { startWorker } from '../runner/worker.ts';
import { startWatching } from '../streams/index.ts';
import { connect } from './program/connect.ts';
import { print } from './program/io.ts';
import { watchedTools, watchWorker } from './program/monitoring.ts';
import { openVisionThreads } from './program/open-vision.ts';
import { portOption } from './program/options.ts';
import { readySchema } from './program/ready-schema.ts';
import type { AddCommand, Context } from './program/session.ts';

/** work: one more worker process, until a signal ends it. */
export const workCommand: AddCommand = (program, session) =>
  program
    .command('work')
    .description('Start one more worker against the same database')
    .option(
      '--metrics-port <number>',
      'answer /metrics on this port of 127.0.0.1; 0 takes a free one',
      portOption,
    )
    .option('--watch', 'take the frames of cameras that have a source, too')
    .action(session.action(work, { logs: 'everything' }));

const work = async (
  context: Context,
  { metricsPort, watch = false }: { metricsPort?: number; watch?: boolean },
): Promise<void> => {
  const { io, config, log, stopper } = context;
  const ended = context.untilSignal();
  const database = await connect(context, { writable: true });
  await waitForDatabase(database, () => readySchema(database, context));
  await assertReadable(database.db);
  const models = await openVisionThreads(context);
  const watching = await watchWorker(context, database, metricsPort);
  const worker = await startWorker(watchedTools(context, database, models, watching), {
    concurrency: config.concurrency,
    log,
    pulse: config.pulse,
    headsFile: config.headsFile,
    aliveFile: config.aliveFile,
  });
  stopper.add(() => worker.stop());
  if (watch) {
    const cameras = startWatching({ watcher: worker.id, database, outgoing: config.outgoing, log });
    stopper.add(() => cameras.stop());
  }
  if (watching.url) print(io, `metrics: ${watching.url}`);
  print(io, `worker ${worker.id} is at work; stop it with Ctrl-C`, { worker: worker.id });
  await ended;
};
