import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** The tests that drive the console in a real browser: `npm run test:browser`. */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: [
      process.env.WATCHPOST_SCREENSHOTS ? 'test/browser/screenshots.ts' : 'test/browser/**/*.browser.ts',
    ],
    setupFiles: ['test/support/setup.ts'],
    globalSetup: ['test/support/choose-database.ts', 'test/browser/build.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // One browser, one server and one set of models for all files.
    isolate: false,
    maxWorkers: 1,
    env: {
      NODE_COMPILE_CACHE: fileURLToPath(new URL('../../node_modules/.cache/compiled', import.meta.url)),
    },
  },
});
