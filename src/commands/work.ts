import { assertReadable } from '../database/at-rest.ts';
import { waitForDatabase } from '../database/retry.ts';
import { startWorker } from '../runner/worker.ts';
import { connect } from './program/connect.ts';
import { print } from './program/io.ts';
import { openVisionThreads } from './program/open-vision.ts';
import { readySchema } from './program/ready-schema.ts';
import type { AddCommand, Context } from './program/session.ts';

/** work: one more worker process, until a signal ends it. */
export const workCommand: AddCommand = (program, session) =>
  program
    .command('work')
    .description('Start one more worker against the same database')
    .action(session.action(work, { logs: 'everything' }));

const work = async (context: Context): Promise<void> => {
  const { io, config, log, stopper } = context;
  const ended = context.untilSignal();
  const database = await connect(context, { writable: true });
  await waitForDatabase(database, () => readySchema(database, context));
  await assertReadable(database.db);
  const vision = await openVisionThreads(context);
  const worker = await startWorker(
    { database, vision, outgoing: config.outgoing },
    {
      concurrency: config.concurrency,
      log,
      pulse: config.pulse,
      headsFile: config.headsFile,
      aliveFile: config.aliveFile,
    },
  );
  stopper.add(() => worker.stop());
  print(io, `worker ${worker.id} is at work; stop it with Ctrl-C`, { worker: worker.id });
  await ended;
};
