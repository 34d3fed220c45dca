/** A worker thread of `threads.ts`: opens the models, then answers calls in their order. */

import { parentPort, workerData } from 'node:worker_threads';
import { VisionError } from './errors.ts';
import { loadVision } from './load.ts';
import type { Opened, SentError, ThreadAnswer, ThreadCall } from './threads.ts';

const port = parentPort!;

/** Concurrent calls: one picture is decoded while another is in the models. */
const atATime = 2;

const toSentError = (error: unknown): SentError => ({
  message: error instanceof Error ? error.message : String(error),
  ...(error instanceof VisionError ? { code: error.code } : {}),
});

try {
  const { findFaces, embed, estimateDemography, close, ...facts } = await loadVision(workerData);
  const methods = { findFaces, embed, estimateDemography };
  const waiting: ThreadCall[] = [];
  let underWay = 0;
  const answer = async ({ number, method, parameters }: ThreadCall): Promise<void> => {
    try {
      const call = methods[method] as (...parameters: unknown[]) => Promise<unknown>;
      port.postMessage({ number, result: await call(...parameters) } satisfies ThreadAnswer);
    } catch (error) {
      port.postMessage({ number, error: toSentError(error) } satisfies ThreadAnswer);
    }
  };
  const next = (): void => {
    if (underWay === atATime) return;
    const call = waiting.shift();
    if (!call) return;
    underWay += 1;
    void answer(call).finally(() => {
      underWay -= 1;
      next();
    });
  };
  port.on('message', (call: ThreadCall) => {
    waiting.push(call);
    next();
  });
  port.postMessage({ facts } satisfies Opened);
} catch (error) {
  port.postMessage({ error: toSentError(error) } satisfies Opened);
}
