import { readFile, stat } from 'node:fs/promises';
import { WatchpostError } from '../errors.ts';
import { limits } from '../limits.ts';
import { inspectImage } from '../vision/index.ts';

/**
 * The bytes of a photo in a file, within the limits of photos. What is no photo is refused by its header, and a file that
 * is too large before it is read.
 *
 * @throws {WatchpostError} body_too_large; {VisionError} what inspectImage throws; errors of the file system.
 */
export const readPhotoFile = async (file: string, options: { maxPixels?: number } = {}): Promise<Buffer> => {
  assertLength((await stat(file)).size);
  const bytes = await readFile(file);
  // A pipe has no size beforehand.
  assertLength(bytes.length);
  await inspectImage(bytes, options);
  return bytes;
};

const assertLength = (length: number): void => {
  const { max, code } = limits.storedPhotoBytes;
  if (length > max) throw new WatchpostError(code, `A photo may have ${max / 2 ** 20} MB here.`);
};
