import { readFileSync } from 'node:fs';
import { afterAll } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /** Of a test file: seconds of CPU that its process, and the processes that it has waited for, took. */
    cpuSeconds?: number;
  }
}

/** What Linux counts of this process and of its ended children, in hundredths of a second. */
const countTicks = (): number => {
  if (process.platform !== 'linux') return 0;
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0);
};

const before = countTicks();

// Set before any hook of the file, and so run after all of them.
// biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it which fixtures are wanted.
afterAll(({}, file) => {
  file.meta.cpuSeconds = (countTicks() - before) / 100;
});
