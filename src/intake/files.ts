import { glob, open, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { WatchpostError } from '../errors.ts';
// Not vision/index.ts: see inspect.ts.
import { formatOf } from '../vision/format.ts';

/** Which files are photos, and what else is found beside them. */

/** What file managers, servers and cameras leave in folders, in lower case. Hidden files and folders count, too. */
const litter = new Set([
  '@eadir',
  '@recycle',
  '@recently-snapshot',
  '@tmp',
  '#recycle',
  '#snapshot',
  '~snapshot',
  '$recycle.bin',
  '__macosx',
  'desktop.ini',
  'ehthumbs.db',
  'icon\r',
  'lost+found',
  'network trash folder',
  'recycler',
  'system volume information',
  'temporary items',
  'thumbs.db',
]);

/** Whether a file or folder of this name is none of anybody's own. */
export const isLitter = (name: string): boolean => name.startsWith('.') || litter.has(name.toLowerCase());

/** Endings of pictures. A file that has one and is no photo is refused with a reason; other files are left out. */
const pictureNames = /\.(jpe?g|jpe|jfif|png|webp|avif|hei[cf]|gif|tiff?|bmp|jp2|jxl)$/i;

/** In the order in which people number files: 2.jpg before 10.jpg. */
export const inOrder = new Intl.Collator('en', { numeric: true }).compare;

/**
 * Whether a file is to be read as a photo: its first bytes are those of one, whatever its name, or it is named like one.
 *
 * @returns true also for a file that cannot be opened, so that reading it says why.
 */
export const isPhotoFile = async (file: string): Promise<boolean> => {
  if (pictureNames.test(file)) return true;
  const handle = await open(file).catch(() => undefined);
  if (!handle) return true;
  try {
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(256) });
    return formatOf(buffer.subarray(0, bytesRead)) !== null;
  } finally {
    await handle.close();
  }
};

/**
 * The files that are meant by a path: the file itself, the photos in a folder and its subfolders, or, if there is no such
 * file, what matches it as a pattern with * and ?. A path of nothing is returned as it is, so that reading it says so.
 *
 * @throws {WatchpostError} file_unreadable for a folder or a pattern without photos; errors of the file system.
 */
export const filesMeant = async (path: string): Promise<string[]> => {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return someOf(await photosBelow(path), 'No photo is in this folder.');
  if (found || !/[*?[{]/.test(path)) return [path];
  const matching: string[] = [];
  for await (const file of glob(path)) {
    if (isLitter(basename(file))) continue;
    if ((await stat(file).catch(() => undefined))?.isFile() ?? true) matching.push(file);
  }
  return someOf(matching.sort(inOrder), 'No file matches this pattern.');
};

const someOf = (files: string[], message: string): string[] => {
  if (files.length === 0) throw new WatchpostError('file_unreadable', message);
  return files;
};

/**
 * The photos in a folder and its subfolders; links to folders are not followed. A subfolder that cannot be read stands for
 * its photos, so that reading it says why.
 */
export const photosBelow = async (folder: string): Promise<string[]> => {
  const entries = await readdir(folder, { withFileTypes: true });
  const photos: string[] = [];
  for (const entry of entries.sort((a, b) => inOrder(a.name, b.name))) {
    const path = join(folder, entry.name);
    if (isLitter(entry.name)) continue;
    if (entry.isDirectory()) photos.push(...(await photosBelow(path).catch(() => [path])));
    else if (await isFileOrLinkToOne(path, entry)) {
      if (await isPhotoFile(path)) photos.push(path);
    }
  }
  return photos;
};

/** Whether an entry of a folder is a file. A link to a folder is not followed: it may lead back. */
export const isFileOrLinkToOne = async (
  path: string,
  entry: { isFile(): boolean; isSymbolicLink(): boolean },
): Promise<boolean> =>
  entry.isFile() || (entry.isSymbolicLink() && ((await stat(path).catch(() => undefined))?.isFile() ?? true));
