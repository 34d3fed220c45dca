/**
 * The database files of a new data directory, made in full or not at all.
 *
 * PGlite copies a fresh database file by file into its directory. Killed meanwhile it leaves a directory that
 * looks like a database and is none, which no later start gets over. So it is made under another name.
 */

import { existsSync } from 'node:fs';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';

/** Has the disk write a file or directory it may still hold in memory. */
async function flush(path: string): Promise<void> {
  const handle = await open(path);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes an empty database in `directory` unless there is one.
 *
 * @param fsync whether to wait until the disk has it all
 */
export async function createFiles(directory: string, fsync: boolean): Promise<void> {
  if (existsSync(directory)) return;
  const draft = `${directory}.creating`;
  await rm(draft, { recursive: true, force: true });
  const database = await PGlite.create({ dataDir: draft });
  await database.close();
  if (fsync) {
    await flush(draft);
    for (const path of await readdir(draft, { recursive: true })) await flush(join(draft, path));
  }
  await rename(draft, directory);
  if (fsync) await flush(dirname(directory));
}
