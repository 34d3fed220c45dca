import { run } from 'graphile-worker';
import { report, sayReady, settings } from '../program.ts';

/** graphile-worker in the configuration that its own performance page uses, until it has done so many jobs. */
const { url, jobs } = settings<{ url: string; jobs: number }>();

let done = 0;
let all = () => {};
const doneAll = new Promise<void>((resolve) => {
  all = resolve;
});
const begun = Date.now();
if (jobs === 0) all();
const runner = await run({
  preset: {
    worker: {
      connectionString: url,
      concurrentJobs: 24,
      maxPoolSize: 25,
      localQueue: { size: 500 },
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
    },
  },
  noHandleSignals: true,
  taskList: {
    noop: () => {
      done += 1;
      if (done === jobs) all();
    },
  },
});
sayReady();
await doneAll;
const ended = Date.now();
await runner.stop();
report({ begun, ended, done });
