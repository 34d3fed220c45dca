/** Resolves to what a question is answered with once the answer is not undefined or false; the test's own limit is the only one. */
export const until = async <T>(ask: () => Promise<T | undefined | false>): Promise<T> => {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
};
