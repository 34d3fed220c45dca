import { run } from 'graphile-worker';
import { type Done, windowsOf } from '../held.ts';
import { report, sayReady, settings } from '../program.ts';

/** graphile-worker as its documentation starts it, until it has done so many jobs that come one by one. */
const { url, jobs, concurrency } = settings<{ url: string; jobs: number; concurrency: number }>();

const done: Done[] = [];
let all = () => {};
const doneAll = new Promise<void>((resolve) => {
  all = resolve;
});
const begun = Date.now();
const runner = await run({
  connectionString: url,
  concurrency,
  noHandleSignals: true,
  taskList: {
    noop: (payload) => {
      const { at, window } = payload as { at: number; window: string };
      const now = Date.now();
      done.push({ window, doneAt: now, ms: now - at });
      if (done.length === jobs) all();
    },
  },
});
sayReady();
await doneAll;
const ended = Date.now();
await runner.stop();
report({ begun, ended, done: done.length, more: windowsOf(done) });
