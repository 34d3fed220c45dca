import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, relative } from 'node:path';
import { CsvError, parse } from 'csv-parse/sync';
import { z } from 'zod';
import { type ProblemCode, toWatchpostError, WatchpostError } from '../errors.ts';
import { codeOf, listOf as itemsOf, metadata, name, token } from '../fields.ts';
import { acceptable } from '../watchlist/enrolment.ts';

/**
 * People and their photos on disk, in either of two forms.
 *
 * A folder: one subfolder a person, its name the person's, with photos and, if there is more to say, person.json:
 * {"name", "external_ref", "metadata", "watchlists", "faces": {"1.jpg": 2}, "accept": {"1.jpg": ["face_unlike"]}}.
 * Subfolders that begin with _ or . are left out.
 *
 * people.csv, in the folder or given itself: name, external_ref, photos, watchlists, metadata (JSON), faces, accept; the
 * last six may be left out. photos and watchlists are separated by semicolons (watchlists may also be a JSON array), faces
 * and accept follow the photos, the codes of one photo separated by spaces. Paths are relative to the file.
 */

/** A photo that is to enrol somebody. */
export interface PhotoSource {
  /** Path, as it is told to the user. */
  readonly file: string;
  /** Counted from 1, left to right. */
  readonly face: number | undefined;
  readonly accept: readonly string[];
}

/** A person as the source tells of them. */
export interface PersonSource {
  /** Where they are told of: a folder, or a line of a file. */
  readonly at: string;
  readonly name: string;
  readonly external_ref: string | undefined;
  readonly metadata: Record<string, unknown>;
  readonly watchlists: readonly string[];
  readonly photos: readonly PhotoSource[];
}

/** Something that could not be taken, and why. */
export interface Refusal {
  readonly file: string;
  readonly person: string | null;
  readonly code: ProblemCode;
  readonly message: string;
}

/** What a source holds. */
export interface Source {
  readonly people: readonly PersonSource[];
  readonly refused: readonly Refusal[];
  /** Files that are no photos by their names. */
  readonly ignored: readonly string[];
}

const codes = z.array(z.enum(acceptable));
const position = z.int().min(1).max(1000);
const about = z.strictObject({
  name: name.optional(),
  external_ref: token.nullable().optional(),
  metadata: metadata.optional(),
  watchlists: itemsOf(name).optional(),
  faces: z.record(z.string(), position).optional(),
  accept: z.record(z.string(), codes).optional(),
});
const ofCell = about.pick({ metadata: true });
const row = z.object({
  name: z.string().min(1, 'a person needs a name').pipe(name),
  external_ref: z.union([z.literal(''), token]).optional(),
  photos: z.string().optional(),
  watchlists: z.string().optional(),
  metadata: z.string().optional(),
  faces: z.string().optional(),
  accept: z.string().optional(),
});

/** As an error of a file that can not be read or understood. */
export const fileError = (file: string, error: unknown): WatchpostError => {
  if (error instanceof WatchpostError) return error;
  if (error instanceof z.ZodError) {
    const misfits = error.issues.map((issue) =>
      [issue.path.join('.'), issue.message].filter(Boolean).join(': '),
    );
    const code = error.issues.map(codeOf).find(Boolean) ?? 'import_invalid';
    return new WatchpostError(code, `${misfits.join('. ')}.`, { cause: error });
  }
  if (error instanceof Error && 'syscall' in error) {
    return new WatchpostError('file_unreadable', `${file} can not be read: ${error.message}.`, {
      cause: error,
    });
  }
  if (error instanceof SyntaxError || error instanceof CsvError) {
    return new WatchpostError('import_invalid', `${file} can not be understood: ${error.message}.`, {
      cause: error,
    });
  }
  return toWatchpostError(error);
};

const refusal = (file: string, person: string | null, error: unknown): Refusal => {
  const { code, message } = fileError(file, error);
  return { file, person, code, message };
};

/**
 * Reads what a source holds, without opening a photo. What is wrong with one person is told and leaves the others alone.
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

const photoNames = /\.(jpe?g|png|webp)$/i;

const readFolders = async (path: string, names: readonly string[]): Promise<Source> => {
  const people: PersonSource[] = [];
  const refused: Refusal[] = [];
  const ignored: string[] = [];
  for (const name of names) {
    if (/^[._]/.test(name)) continue;
    const folder = join(path, name);
    try {
      if (!(await stat(folder)).isDirectory()) {
        ignored.push(folder);
        continue;
      }
      const found = await readFolder(folder);
      people.push(found.person);
      ignored.push(...found.ignored);
    } catch (error) {
      refused.push(refusal(folder, name, error));
    }
  }
  return { people, refused, ignored };
};

const readFolder = async (folder: string) => {
  const entries = await readdir(folder, { withFileTypes: true });
  const files = entries.map((entry) => entry.name).sort();
  const photos = files.filter((file) => photoNames.test(file) && !file.startsWith('.'));
  const told = files.includes('person.json')
    ? about.parse(JSON.parse(await readFile(join(folder, 'person.json'), 'utf8')))
    : {};
  const unknown = [...Object.keys(told.faces ?? {}), ...Object.keys(told.accept ?? {})].find(
    (file) => !photos.includes(file),
  );
  if (unknown)
    throw new WatchpostError('import_invalid', `person.json speaks of ${unknown}, which is not there.`);
  const person: PersonSource = {
    at: folder,
    name: told.name ?? basename(folder),
    external_ref: told.external_ref ?? undefined,
    metadata: told.metadata ?? {},
    watchlists: told.watchlists ?? [],
    photos: photos.map((file) => ({
      file: join(folder, file),
      face: told.faces?.[file],
      accept: told.accept?.[file] ?? [],
    })),
  };
  const ignored = files.filter((file) => !photos.includes(file) && file !== 'person.json');
  return { person, ignored: ignored.map((file) => join(folder, file)) };
};

const readCsv = async (file: string): Promise<Source> => {
  const rows: Record<string, string>[] = parse(await readFile(file, 'utf8'), {
    columns: true,
    bom: true,
    trim: true,
    skip_empty_lines: true,
    info: false,
  });
  const [first] = rows;
  if (first && first.name === undefined) {
    throw new WatchpostError('import_invalid', `${file} has no column name.`, {
      hint: 'Columns: name, external_ref, photos, watchlists, metadata, faces, accept.',
    });
  }
  const people: PersonSource[] = [];
  const refused: Refusal[] = [];
  rows.forEach((cells, index) => {
    const at = `${file}, person ${index + 1}`;
    try {
      people.push(personOf(cells, at, dirname(file)));
    } catch (error) {
      refused.push(refusal(at, cells.name || null, error));
    }
  });
  return { people, refused, ignored: [] };
};

const listOf = (cell: string | undefined): string[] =>
  (cell ?? '').split(';').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]));

const personOf = (cells: Record<string, string>, at: string, folder: string): PersonSource => {
  const told = row.parse(cells);
  const files = listOf(told.photos);
  // Empty cells count here: they keep the others in their places.
  const faces = (told.faces ?? '').split(';');
  const accept = (told.accept ?? '').split(';');
  return {
    at,
    name: told.name,
    external_ref: told.external_ref || undefined,
    metadata: told.metadata ? (ofCell.parse({ metadata: JSON.parse(told.metadata) }).metadata ?? {}) : {},
    watchlists: told.watchlists?.startsWith('[')
      ? itemsOf(name).parse(JSON.parse(told.watchlists))
      : listOf(told.watchlists),
    photos: files.map((file, index) => ({
      file: join(folder, file),
      face: faces[index]?.trim() ? position.parse(Number(faces[index])) : undefined,
      accept: codes.parse((accept[index] ?? '').split(' ').filter(Boolean)),
    })),
  };
};

/** A photo's path as people.csv has it. */
export const pathInCsv = (folder: string, file: string): string =>
  relative(folder, file).replaceAll('\\', '/');

/** The ending of a photo's file, by its format. */
export const extensionOf = (format: string | null): string =>
  ({ jpeg: '.jpg', png: '.png', webp: '.webp' })[format ?? ''] ?? extname(`photo.${format ?? 'jpg'}`);
