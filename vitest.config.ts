import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/choose-database.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores are what the suite is made for; each file has a database of its own.
    maxWorkers: 2,
  },
});
