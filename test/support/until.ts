/** Asks again, every `pause` milliseconds, until the answer is there; the test's own time limit is the only one. */
export const until = async <T>(ask: () => Promise<T | undefined | null | false>, pause = 10): Promise<T> => {
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
};
