const steps: (() => unknown)[] = [];

/** Does something when the test file has ended, last added first. Unlike `afterAll` it may be called within a test. */
export const atEnd = (step: () => unknown): void => {
  steps.push(step);
};

/** For setup.ts. A failed step does not keep the others from running. */
export const runEndSteps = async (): Promise<void> => {
  const errors: unknown[] = [];
  for (const step of steps.splice(0).reverse()) {
    try {
      await step();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0)
    throw new AggregateError(errors, `${errors.length} steps failed at the end of the file`);
};
