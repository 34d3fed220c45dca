import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/count-cpu.ts'],
    reporters: ['default', 'test/support/slowest.ts'],
    globalSetup: ['test/support/choose-database.ts'],
    // For what hangs: on a slow machine the demo, twice on a new embedded database, takes a minute beside two other files.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // Two cores are what the suite is made for; each file has a database of its own. One more than there are cores, as
    // many a test waits for a process that it has killed to be missed.
    maxWorkers: 3,
    // Hundreds of commands are started: what one has compiled the next need not (0.54 s a start, and 0.32).
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/compiled', import.meta.url)) },
  },
});
