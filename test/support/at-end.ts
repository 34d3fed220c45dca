import { afterAll } from 'vitest';

const steps: (() => Promise<unknown>)[] = [];

/**
 * Runs a step when the test file has ended, last given first. Unlike `afterAll` it may be called from a hook: there,
 * vitest takes no more hooks and says nothing.
 */
export const atEnd = (step: () => Promise<unknown>): void => {
  steps.unshift(step);
};

// Registered as the test file imports this module, so it belongs to the file.
afterAll(async () => {
  for (const step of steps) await step();
});
