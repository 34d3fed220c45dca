import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Folders and files whose tests start processes and wait for them. */
const slow = /\/test\/(broker|calibration\/command|chaos|commands|embedded-database|evaluation|limits\/fuzz)/;

/** Begins with the files that take longest, so that none of them is left alone at the end. */
class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // Vitest sorts by the durations of the last run; a fresh clone has none.
    const sorted = await super.sort(files);
    const isSlow = ({ moduleId }: TestSpecification) => slow.test(moduleId);
    return [...sorted.filter(isSlow), ...sorted.filter((file) => !isSlow(file))];
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/setup.ts'],
    reporters: ['default', 'test/support/slowest.ts'],
    globalSetup: ['test/support/choose-database.ts'],
    sequence: { sequencer: SlowFirst },
    // For what hangs: on a slow machine the demo, twice on a new embedded database, takes a minute beside two other files.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // Files share a worker process, and with it the modules and models that are loaded; each has a database of its own.
    // 81 files without processes of their own took 117 s of CPU instead of 207.
    isolate: false,
    // Twice the two cores that the suite is made for: many tests wait for a process that they have started or killed.
    maxWorkers: 4,
    env: {
      // Hundreds of commands are started, and each loads compiled code from here (0.32 s a start instead of 0.54).
      NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/compiled', import.meta.url)),
      // Nobody can make a folder there: a process that is given none by its test cannot write into that of this checkout.
      WATCHPOST_DATA: '/dev/null/watchpost',
    },
  },
});
