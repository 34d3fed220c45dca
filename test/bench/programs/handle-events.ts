import { z } from 'zod';
import { openDatabase } from '../../../src/database/pool.ts';
import { openLog } from '../../../src/log.ts';
import { startWorker } from '../../../src/runner/worker.ts';
import type { Stage } from '../../../src/stages/stage.ts';
import { loadVision } from '../../../src/vision/index.ts';
import { report, sayReady, settings } from '../program.ts';

/** A worker as the product starts it, with one stage that does nothing, until it has handled so many events. */
const { url, events, concurrency } = settings<{ url: string; events: number; concurrency: number }>();

let done = 0;
let all = () => {};
const handledAll = new Promise<void>((resolve) => {
  all = resolve;
});
const noop: Stage<{ n: number }, null> = {
  task: 'noop',
  payload: z.object({ n: z.int() }),
  work: async (items) => items.map(() => ({ status: 'fulfilled', value: null })),
  write: {
    // A function that writes nothing, of the number of events.
    call: 'cardinality',
    parameters(finished) {
      done += finished.length;
      if (done >= events) all();
      return [];
    },
  },
};

const log = openLog('warn');
const database = openDatabase(url, { log });
const vision = await loadVision();
const worker = await startWorker({ database, vision }, { concurrency, log, stages: [noop] });
sayReady();
await handledAll;
// Counted when written: the last transactions are about to be committed.
for (;;) {
  const { rows } = await database.pool.query<{ count: string }>(
    `select count(*) from watchpost.handling where task = 'noop' and outcome = 'done'`,
  );
  if (Number(rows[0]?.count) >= events) break;
}
const ended = Date.now();
await worker.stop();
await database.close();
await vision.close();
report({ begun: 0, ended, done });
