import './no-telemetry.ts';
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { limits } from '../limits.ts';
import { Budget } from './budget.ts';
import { decodingCost, mostDecodingBytes } from './cost.ts';
import { VisionError, type VisionErrorCode } from './errors.ts';
import { formatOf } from './format.ts';
import type { Vision, VisionOptions } from './load.ts';

// Photos and pixels lie outside V8's heap. By default V8 runs a full collection after every 64 MB of external memory,
// even if most of it is free again, which took a sixth of all CPU. With this flag external memory counts like any
// other.
setFlagsFromString('--external-memory-accounted-in-global-limit');

/** The methods that a thread offers. */
type Method = 'findFaces' | 'embed' | 'estimateDemography';

/** A call as sent to a thread. */
export interface ThreadCall {
  readonly number: number;
  readonly method: Method;
  readonly parameters: readonly unknown[];
}

/** An error as sent between threads; with a code it is a VisionError. */
export interface SentError {
  readonly message: string;
  readonly code?: VisionErrorCode;
}

/** The answer of a thread to a call. */
export interface ThreadAnswer {
  readonly number: number;
  readonly result?: unknown;
  readonly error?: SentError;
}

/** The first message of a thread: the properties of the opened models, or why they could not be opened. */
export interface Opened {
  readonly facts?: Omit<Vision, Method | 'close'>;
  readonly error?: SentError;
}

/**
 * Like `loadVision`, with one thread for each core and models of its own in each (30 MB). ONNX Runtime computes in
 * the calling thread, so models in the main thread would delay every answer of the database.
 *
 * A thread works on two calls at a time and holds a third, so that it never waits for the main thread. Other calls
 * wait here; those for faces that are already found come first. Photos whose decoders would together need more memory
 * than `limits.decodingBytes` are decoded one after the other.
 *
 * @param options.calls the largest number of concurrent calls; no more threads than that, or than cores, are opened.
 *   `detector` and `embedder` are not options, because objects with functions cannot be sent to a thread.
 */
export const loadVisionThreads = async (
  options: Omit<VisionOptions, 'detector' | 'embedder'> & { readonly calls?: number } = {},
): Promise<Vision> => {
  const { calls = Number.POSITIVE_INFINITY, ...rest } = options;
  const length = Math.min(calls, availableParallelism());
  const opening = await Promise.allSettled(Array.from({ length }, () => openThread(rest)));
  const threads = opening.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const close = async () => void (await Promise.all(threads.map((thread) => thread.close())));
  const failed = opening.find((one) => one.status === 'rejected');
  if (failed) {
    await close();
    throw failed.reason;
  }

  const begun: Waiting[] = [];
  const fresh: Waiting[] = [];
  const next = (): void => {
    const idlest = threads.reduce((a, b) => (b.calls() < a.calls() ? b : a));
    if (idlest.calls() >= callsAtATime) return;
    const call = begun.shift() ?? fresh.shift();
    if (!call) return;
    idlest.call(call.method, call.parameters).then(call.resolve, call.reject).finally(next);
    next();
  };
  const call = (method: Method, ...parameters: unknown[]): Promise<never> =>
    new Promise<never>((resolve, reject) => {
      (method === 'findFaces' ? fresh : begun).push({ method, parameters, resolve, reject });
      next();
    });
  // Memory is reserved before the call goes to a thread, so that a photo waiting for memory does not block a thread.
  // Without the limit, eight interlaced PNGs of 64 megapixels at once needed 1.5 GB.
  const budget = new Budget(limits.decodingBytes.max);
  const decoding = async (method: Method, bytes: Uint8Array, ...others: unknown[]): Promise<never> => {
    const giveBack = await budget.take(memoryFor(bytes, rest.maxPixels));
    return call(method, bytes, ...others).finally(giveBack);
  };
  return {
    ...threads[0]!.facts,
    findFaces: (bytes, ...how) => decoding('findFaces', bytes, ...how),
    embed: (crops) => call('embed', crops),
    estimateDemography: (bytes, ...how) => decoding('estimateDemography', bytes, ...how),
    close,
  };
};

/** The memory for decoding a photo, in bytes; 0 for a photo that is refused before decoding. */
const memoryFor = (bytes: Uint8Array, maxPixels: number = limits.photoPixels.max): number => {
  const format = formatOf(bytes);
  if (format === null || format === 'gif') return 0;
  const cost = decodingCost(bytes, format).bytes;
  return cost > mostDecodingBytes(maxPixels) ? 0 : cost;
};

/** Calls that a thread holds at a time. */
const callsAtATime = 3;

/** A call that waits for a thread. */
interface Waiting {
  readonly method: Method;
  readonly parameters: readonly unknown[];
  resolve(result: never): void;
  reject(error: Error): void;
}

const openThread = async (options: VisionOptions) => {
  const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: options });
  const opened = await new Promise<Opened>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  if (!opened.facts) {
    await worker.terminate();
    throw errorOf(opened.error);
  }

  const waiting = new Map<number, { resolve(result: never): void; reject(error: Error): void }>();
  let last = 0;
  worker.on('message', ({ number, result, error }: ThreadAnswer) => {
    const call = waiting.get(number);
    waiting.delete(number);
    if (error) call?.reject(errorOf(error));
    else call?.resolve(result as never);
    // Only pending calls keep the process alive.
    if (waiting.size === 0) worker.unref();
  });
  // Failures are sent as answers. A thread only ends for lack of memory or by a defect, which ends the process; other
  // processes take over its jobs.
  worker.removeAllListeners('error');
  worker.on('error', (error) => {
    throw error;
  });
  worker.unref();

  return {
    facts: opened.facts,
    calls: () => waiting.size,
    call: (method: Method, parameters: readonly unknown[]) =>
      new Promise<never>((resolve, reject) => {
        const number = ++last;
        waiting.set(number, { resolve, reject });
        worker.ref();
        worker.postMessage({ number, method, parameters } satisfies ThreadCall);
      }),
    close: async () => void (await worker.terminate()),
  };
};

const errorOf = (sent: SentError | undefined): Error =>
  sent?.code ? new VisionError(sent.code, sent.message) : new Error(sent?.message ?? 'A thread has ended.');
