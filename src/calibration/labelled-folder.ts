import { type Dirent, existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { WatchpostError } from '../errors.ts';
import { whyUnusableFile } from '../file-errors.ts';
import { isLitter, isPhotoFile, readPhotoFile } from '../intake/index.ts';
import { readText } from '../text-file.ts';
import { formatNames } from '../vision/format.ts';

/** Photos with labels that say who is in them. Files are paths within the folder. */
export interface LabelledFolder {
  readonly path: string;
  /** One subfolder each, which has their name. */
  readonly people: readonly { readonly name: string; readonly photos: readonly string[] }[];
  /** `_strangers/`: photos of people who have no subfolder, directly or in a subfolder. */
  readonly strangers: readonly string[];
  /** `_groups/`, with the labels of `groups.csv`. */
  readonly groups: readonly GroupPhoto[];
}

/** A photo of several people; null: not known. */
export interface GroupPhoto {
  readonly file: string;
  /** Faces that can be seen in it. */
  readonly faces: number | null;
  /** The labelled people who are in it; the others are not. */
  readonly people: readonly string[] | null;
}

/**
 * Reads a labelled folder: one subfolder a person, `_strangers/`, and `_groups/` with `groups.csv` (file, faces,
 * people). Every photo must be readable and have the header of a photo. Other files, other folders whose names begin
 * with `_`, and those of the system are left out.
 *
 * @throws {WatchpostError} folder_invalid: no such folder, a folder without people, a file that is not a photo, an
 *   invalid groups.csv.
 */
export const readLabelledFolder = async (
  path: string,
  limits: { maxPixels: number },
): Promise<LabelledFolder> => {
  const entries = await list(path);
  const people = [];
  for (const entry of entries) {
    if (!entry.isDirectory() || entry.name.startsWith('_') || isLitter(entry.name)) continue;
    const photos = await photosIn(path, entry.name);
    if (photos.length > 0) people.push({ name: entry.name.normalize('NFC'), photos });
  }
  if (people.length === 0) {
    throw new WatchpostError(
      'folder_invalid',
      `There is nobody in ${path}: it has no subfolder with photos.`,
      {
        hint: `Give a folder with one subfolder of ${formatNames} photos for each person.`,
      },
    );
  }
  const strangers = existsSync(join(path, '_strangers')) ? await strangersIn(path) : [];
  const groups = existsSync(join(path, '_groups'))
    ? await groupsIn(path, new Set(people.map((person) => person.name)))
    : [];
  const files = [
    ...people.flatMap((person) => person.photos),
    ...strangers,
    ...groups.map((one) => one.file),
  ];
  await assertPhotos(path, files, limits);
  return { path, people, strangers, groups };
};

/** In the order of their names, which does not depend on the file system. */
const list = async (path: string): Promise<Dirent[]> => {
  const entries = await readdir(path, { withFileTypes: true }).catch((error) => {
    const reason =
      error.code === 'ENOENT'
        ? 'there is no such folder'
        : error.code === 'ENOTDIR'
          ? 'it is not a folder'
          : (whyUnusableFile(error) ?? error.message);
    throw new WatchpostError('folder_invalid', `${path} cannot be read: ${reason}.`, { cause: error });
  });
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
};

const photosIn = async (path: string, folder: string): Promise<string[]> => {
  const photos: string[] = [];
  for (const entry of await list(join(path, folder))) {
    const file = join(folder, entry.name);
    if (!entry.isDirectory() && !isLitter(entry.name) && (await isPhotoFile(join(path, file))))
      photos.push(file);
  }
  return photos;
};

const strangersIn = async (path: string): Promise<string[]> => {
  const photos = await photosIn(path, '_strangers');
  for (const entry of await list(join(path, '_strangers'))) {
    if (entry.isDirectory() && !isLitter(entry.name))
      photos.push(...(await photosIn(path, join('_strangers', entry.name))));
  }
  return photos;
};

const groupsIn = async (path: string, people: ReadonlySet<string>): Promise<GroupPhoto[]> => {
  const photos = await photosIn(path, '_groups');
  const described = await readGroups(join(path, '_groups', 'groups.csv'), people);
  const known = new Set(photos.map((photo) => photo.normalize('NFC')));
  const missing = [...described.keys()].find((file) => !known.has(join('_groups', file)));
  if (missing !== undefined) throw bad(`there is no photo ${JSON.stringify(missing)} beside it`);
  return photos.map((file) => ({
    faces: null,
    people: null,
    ...described.get(file.slice('_groups/'.length).normalize('NFC')),
    file,
  }));
};

const bad = (reason: string): WatchpostError =>
  new WatchpostError('folder_invalid', `_groups/groups.csv is not valid: ${reason}.`, {
    hint: 'It has the columns file, faces (a number, or nothing) and people (names of subfolders with spaces, or ; between them, or nothing).',
  });

/** By file name. */
const readGroups = async (path: string, people: ReadonlySet<string>): Promise<Map<string, GroupPhoto>> => {
  // Names of files and people are compared in one normalization form.
  const text = await readText(path).catch((error) => {
    throw bad(error.code === 'ENOENT' ? 'it is not there' : (whyUnusableFile(error) ?? error.message));
  });
  let rows: Record<string, string>[];
  try {
    rows = parse(text.normalize('NFC'), { columns: true, trim: true, skip_empty_lines: true });
  } catch (error) {
    throw bad((error as Error).message);
  }
  const groups = new Map<string, GroupPhoto>();
  rows.forEach((row, index) => {
    const line = `row ${index + 1}`;
    const { file, faces } = row;
    if (file === undefined || faces === undefined) throw bad('it has no column "file" or no column "faces"');
    if (file === '') throw bad(`${line} names no file`);
    if (groups.has(file)) throw bad(`${line} names ${JSON.stringify(file)} again`);
    if (!/^\d*$/.test(faces)) throw bad(`${line} says ${JSON.stringify(faces)} faces`);
    groups.set(file, {
      file: join('_groups', file),
      faces: faces === '' ? null : Number(faces),
      people: namesIn(row.people ?? '', people),
    });
  });
  return groups;
};

/** Names are separated by spaces, or by ; so that they may have spaces in them. */
const namesIn = (text: string, people: ReadonlySet<string>): string[] | null => {
  if (text === '') return null;
  if (people.has(text)) return [text];
  return text.split(text.includes(';') ? ';' : /\s+/).flatMap((name) => name.trim() || []);
};

/** Reads the header of every file. Faults that only decoding shows are reported later. */
const assertPhotos = async (
  path: string,
  files: readonly string[],
  limits: { maxPixels: number },
): Promise<void> => {
  const unreadable: string[] = [];
  for (const file of files) {
    try {
      await readPhotoFile(join(path, file), limits);
    } catch (error) {
      unreadable.push(`${file}: ${(error as Error).message}`);
    }
  }
  if (unreadable.length === 0) return;
  const more = unreadable.length > 5 ? `\n  and ${unreadable.length - 5} more` : '';
  throw new WatchpostError(
    'folder_invalid',
    `${unreadable.length === 1 ? 'A file' : `${unreadable.length} files`} in ${path} cannot be read as photos:\n  ${unreadable.slice(0, 5).join('\n  ')}${more}`,
    { hint: 'Repair or remove them; nothing was done.' },
  );
};
