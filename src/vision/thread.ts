import { parentPort, workerData } from 'node:worker_threads';
import { VisionError } from './errors.ts';
import { loadVision } from './index.ts';
import type { Answer, Call, Opened, ToldError } from './threads.ts';

/** One thread of `threads.ts`: opens the models, then answers calls, several at once as they come. */

const port = parentPort!;

const told = (error: unknown): ToldError => ({
  message: error instanceof Error ? error.message : String(error),
  ...(error instanceof VisionError ? { code: error.code } : {}),
});

try {
  const { findFaces, embed, describe, close, ...facts } = await loadVision(workerData);
  const methods = { findFaces, embed, describe };
  port.on('message', async ({ number, method, parameters }: Call) => {
    try {
      const call = methods[method] as (...parameters: unknown[]) => Promise<unknown>;
      port.postMessage({ number, result: await call(...parameters) } satisfies Answer);
    } catch (error) {
      port.postMessage({ number, error: told(error) } satisfies Answer);
    }
  });
  port.postMessage({ facts } satisfies Opened);
} catch (error) {
  port.postMessage({ error: told(error) } satisfies Opened);
}
