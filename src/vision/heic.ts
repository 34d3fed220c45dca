import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { VisionError } from './errors.ts';

/** What the thread of heic-thread.ts is given. */
export interface HeicTask {
  readonly bytes: Uint8Array;
  /** Of the upright picture, by the file's header. */
  readonly width: number;
  readonly height: number;
  /** The package that decodes. */
  readonly decoder: string;
  /** The most memory that it may have, in bytes. */
  readonly maxBytes: number;
}

/** What it answers: 8 bits a channel, rows packed without padding. */
export type HeicAnswer =
  | { readonly data: Uint8Array }
  | { readonly error: string; readonly lacksMemory: boolean };

/** The package that decodes HEIC, an optional dependency: its licence is the LGPL, and HEVC is patented. */
export const heicDecoder = 'heic-decode';

/** Memory that the decoder itself takes, in bytes, with some to spare: it starts with 16 MB. */
export const heicDecoderBytes = 64 * 2 ** 20;

/** Whether a package that decodes HEIC is installed. */
export const isInstalled = (decoder: string): boolean => {
  try {
    createRequire(import.meta.url).resolve(decoder);
    return true;
  } catch {
    return false;
  }
};

/**
 * Decodes a HEIC photo, in a thread that ends with it: the decoder is WebAssembly, whose memory never shrinks, and which
 * only the end of its thread can interrupt.
 *
 * Throws a VisionError: `image_corrupt`, `image_too_costly` if it needs more memory than allowed, `image_too_slow`.
 *
 * @param seconds after which it is stopped.
 * @returns the pixels of the picture, rotated upright as the file says: RGBA.
 */
export const decodeHeic = async (task: HeicTask, seconds: number): Promise<Uint8Array> => {
  // The decoder prints what it finds wrong.
  const worker = new Worker(new URL('./heic-thread.ts', import.meta.url), {
    workerData: task,
    stdout: true,
    stderr: true,
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    const answer = await new Promise<HeicAnswer>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('its thread ended')));
      timer = setTimeout(() => {
        const message = `Decoding the photo took more than ${seconds} s and was stopped. Submit it as a JPEG.`;
        reject(new VisionError('image_too_slow', message));
      }, seconds * 1000);
    });
    if ('data' in answer) return answer.data;
    if (!answer.lacksMemory) throw new Error(answer.error);
    const most = Math.round(task.maxBytes / 1e6);
    throw new VisionError(
      'image_too_costly',
      `Decoding the photo needs more than ${most} MB of memory. Submit it as a JPEG.`,
    );
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
};
