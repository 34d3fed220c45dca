import { readFileSync } from 'node:fs';
import { afterAll, vi } from 'vitest';
import { runEndSteps } from './at-end.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** Of a test file: seconds of CPU that its process, and the processes that it has waited for, took. */
    cpuSeconds?: number;
  }
}

/** CPU time of this process and of its ended children, in hundredths of a second, as Linux counts it. */
const countTicks = (): number => {
  if (process.platform !== 'linux') return 0;
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0);
};

const before = countTicks();

// This file runs again for each test file, before its hooks are registered, so that this one is run after all of them.
// biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it which fixtures are wanted.
afterAll(async ({}, file) => {
  await runEndSteps();
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  file.meta.cpuSeconds = (countTicks() - before) / 100;
});
