/**
 * Creates the files of a new database completely or not at all.
 *
 * PGlite creates a database by copying files one by one. If it is killed meanwhile, what is left has the form of a
 * database but cannot be opened. So the files are created in another directory, which is then renamed.
 */

import { existsSync } from 'node:fs';
import { chmod, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';

/**
 * Creates an empty database in `directory` unless there is one.
 *
 * @param fsync whether to wait until all of it is on the disk.
 */
export const createFiles = async (directory: string, fsync: boolean): Promise<void> => {
  if (existsSync(directory)) return;
  const draft = `${directory}.creating`;
  await rm(draft, { recursive: true, force: true });
  const database = await PGlite.create({ dataDir: draft });
  await database.close();
  // They come out of an archive, with the modes that they have there.
  for (const entry of await readdir(draft, { recursive: true, withFileTypes: true })) {
    await chmod(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o700 : 0o600);
  }
  if (fsync) {
    await flush(draft);
    for (const path of await readdir(draft, { recursive: true })) await flush(join(draft, path));
  }
  await rename(draft, directory);
  if (fsync) await flush(dirname(directory));
};

/** Waits until a file or directory is on the disk. */
const flush = async (path: string): Promise<void> => {
  const handle = await open(path);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};
