import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { manifestName, readManifest } from './manifest.ts';
import { fileError, type Source } from './people.ts';
import { readCsv } from './people-csv.ts';
import { readFolders } from './people-folder.ts';

/**
 * Reads people and their photos from disk, in either of two forms. Photos are recognised by their first bytes, and not
 * read further. An invalid person is reported and does not affect the others.
 *
 * A folder: one subfolder a person, which has the person's name, with photos and, if there is more to say, person.json:
 * {"name", "external_ref", "metadata", "legal_basis", "keep_until", "created_at", "watchlists", "faces": {"1.jpg": 2}, "accept": {"1.jpg":
 * ["face_unlike"]}}. Subfolders of the system and those that begin with _ or . are left out. An export also has
 * watchpost.json, with cameras, lists and cannot-links.
 *
 * people.csv, in the folder or given itself: name, external_ref, photos, watchlists, metadata (JSON), faces, accept,
 * legal_basis, keep_until; all but the first may be left out. Columns are separated by commas, semicolons or tabs; photos and watchlists by semicolons
 * (or they are JSON arrays), faces and accept follow the photos, the codes of one photo separated by spaces. Paths are
 * relative to the file.
 *
 * @param path a folder, or a CSV file.
 * @param options.encoding of people.csv; UTF-8 and UTF-16 are recognised.
 * @throws {WatchpostError} file_unreadable, import_invalid, if nothing of it can be read.
 */
export const readSource = async (path: string, options: { encoding?: string } = {}): Promise<Source> => {
  try {
    if ((await stat(path)).isFile()) return await readCsv(path, options.encoding);
    const names = await readdir(path);
    if (names.includes(manifestName)) {
      const manifest = await readManifest(join(path, manifestName));
      return { ...(await readFolders(path)), manifest };
    }
    const csv = join(path, 'people.csv');
    return names.includes('people.csv') && (await stat(csv)).isFile()
      ? await readCsv(csv, options.encoding)
      : await readFolders(path);
  } catch (error) {
    throw fileError(path, error);
  }
};
