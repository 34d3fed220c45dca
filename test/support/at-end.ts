import { afterAll } from 'vitest';

const steps: (() => unknown)[] = [];

// Here and not where a step is added: a hook that is set within a test is never run.
afterAll(async () => {
  for (const step of steps.splice(0).reverse()) await step();
});

/** Does something when the test file has ended, last added first; may be called within a test. */
export const atEnd = (step: () => unknown): void => {
  steps.push(step);
};
