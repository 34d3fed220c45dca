/** The thread of `heic.ts`: decodes one photo and ends. */

import { createRequire } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import type { HeicAnswer, HeicTask } from './heic.ts';

const { bytes, width, height, decoder, maxBytes } = workerData as HeicTask;

/** Of a page of WebAssembly's memory, in bytes. */
const pageBytes = 65_536;
let lacksMemory = false;

/** The memory of WebAssembly, which no library in use declares. */
interface Memory {
  readonly buffer: ArrayBuffer;
  grow(this: Memory, pages: number): number;
}
const { prototype } = (globalThis as unknown as { WebAssembly: { Memory: { prototype: Memory } } })
  .WebAssembly.Memory;

// The decoder asks for memory as the file tells it to, up to 4 GB. It takes a refusal for a full memory.
const { grow } = prototype;
prototype.grow = function (pages) {
  if (this.buffer.byteLength + pages * pageBytes > maxBytes) {
    lacksMemory = true;
    throw new RangeError('The decoder may have no more memory.');
  }
  return grow.call(this, pages);
};

/** A picture in the file. */
interface Picture {
  readonly width: number;
  readonly height: number;
  decode(): Promise<{ readonly data: Uint8ClampedArray<ArrayBuffer> }>;
}
const { all } = createRequire(import.meta.url)(decoder) as {
  all(of: { buffer: Uint8Array }): Promise<Picture[]>;
};

const answer = (message: HeicAnswer, ...moved: ArrayBuffer[]): void =>
  parentPort?.postMessage(message, moved);

try {
  // A file may hold several, in any order; the header that was inspected is that of the main one.
  const pictures = await all({ buffer: bytes });
  const main = pictures.find((picture) => picture.width === width && picture.height === height);
  if (!main) throw new Error('it holds no picture of the size that it declares');
  const { data } = await main.decode();
  answer({ data: new Uint8Array(data.buffer) }, data.buffer);
} catch (error) {
  answer({ error: error instanceof Error ? error.message : String(error), lacksMemory });
}
