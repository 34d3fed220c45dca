import { readFile, stat } from 'node:fs/promises';
import { WatchpostError } from '../errors.ts';
import { limits } from '../limits.ts';
// Not vision/index.ts, which loads the runtime of the models: without it a command starts 0.15 s sooner.
import { inspectImage } from '../vision/inspect.ts';

/**
 * Refuses what can be refused without decoding: a photo that is too large, not a photo by its header, or beyond the
 * limits of photos. Errors in the rest of the file show when it is decoded; the photo then ends as `failed`.
 *
 * @param options.maxPixels `limits.photoPixels` unless given.
 * @throws {WatchpostError} body_too_large. {VisionError} what inspectImage throws.
 */
export const inspectPhoto = async (bytes: Buffer, options: { maxPixels?: number } = {}): Promise<void> => {
  assertLength(bytes.length);
  await inspectImage(bytes, options);
};

/**
 * The bytes of a photo in a file. A file that is too large is refused before it is read.
 *
 * @throws what inspectPhoto throws; errors of the file system.
 */
export const readPhotoFile = async (file: string, options: { maxPixels?: number } = {}): Promise<Buffer> => {
  assertLength((await stat(file)).size);
  // A pipe has no size beforehand, so its length is checked once more.
  const bytes = await readFile(file);
  await inspectPhoto(bytes, options);
  return bytes;
};

const assertLength = (length: number): void => {
  const { max, code } = limits.storedPhotoBytes;
  if (length > max) throw new WatchpostError(code, `A photo may have ${max / 2 ** 20} MB here.`);
};
