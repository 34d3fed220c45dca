import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isLitter } from '../intake/index.ts';

/** Where other products keep the photos of people, in folders of persons like ours. */

/**
 * The folder of persons in Double Take's storage, which has `train`, with a folder a person, beside `matches`, where it
 * keeps what it has recognised.
 *
 * @returns undefined if a folder is not such a storage.
 */
export const doubleTakeFolder = async (
  path: string,
  names: readonly string[],
): Promise<string | undefined> => {
  if (!names.includes('train') || !names.includes('matches')) return undefined;
  const train = join(path, 'train');
  const entries = await readdir(train, { withFileTypes: true });
  return entries.some((entry) => entry.isDirectory()) ? train : undefined;
};

/**
 * Names of the files in which Frigate keeps attempts at recognition: event, time, who it took it for, and the score, like
 * 1700000000.123456-abcdef-1700000001.654321-unknown-0.0.webp.
 */
const attempt = /^\d{9,}(\.\d+)?-.+-\d+(\.\d+)?\.(webp|jpe?g|png)$/;

/** Whether a folder is that of Frigate's attempts, `train` beside the folders of persons: it is nobody's. */
export const isFrigateAttempts = async (folder: string, name: string): Promise<boolean> => {
  if (name !== 'train' || !(await stat(folder)).isDirectory()) return false;
  const files = (await readdir(folder)).filter((file) => !isLitter(file));
  return files.every((file) => attempt.test(file));
};
