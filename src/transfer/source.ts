import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError, type Source } from './people.ts';
import { readCsv } from './people-csv.ts';
import { readFolders } from './people-folder.ts';

/**
 * Reads people and their photos from disk, in either of two forms, without opening a photo. An invalid person
 * is reported and does not affect the others.
 *
 * A folder: one subfolder a person, which has the person's name, with photos and, if there is more to say, person.json:
 * {"name", "external_ref", "metadata", "watchlists", "faces": {"1.jpg": 2}, "accept": {"1.jpg": ["face_unlike"]}}.
 * Subfolders that begin with _ or . are left out.
 *
 * people.csv, in the folder or given itself: name, external_ref, photos, watchlists, metadata (JSON), faces, accept; the
 * last six may be left out. photos and watchlists are separated by semicolons (watchlists may also be a JSON array),
 * faces and accept follow the photos, the codes of one photo separated by spaces. Paths are relative to the file.
 *
 * @param path a folder, or a CSV file.
 * @throws {WatchpostError} file_unreadable, import_invalid, if nothing of it can be read.
 */
export const readSource = async (path: string): Promise<Source> => {
  try {
    if ((await stat(path)).isFile()) return await readCsv(path);
    const names = (await readdir(path)).sort();
    return names.includes('people.csv')
      ? await readCsv(join(path, 'people.csv'))
      : await readFolders(path, names);
  } catch (error) {
    throw fileError(path, error);
  }
};
