/** How the loss of a connection is told: once, to whoever waits for it, and to nobody if nobody does. */
export const connectionLoss = () => {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => {});
  return {
    lost: promise,
    lose: (reason: unknown) =>
      reject(reason instanceof Error ? reason : new Error(String(reason ?? 'the connection was closed'))),
  };
};
