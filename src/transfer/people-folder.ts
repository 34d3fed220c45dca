import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { listOf, metadata, name, token } from '../fields.ts';
import { codes, type PersonSource, position, type Refusal, refusalOf, type Source } from './people.ts';

/** person.json. */
const aboutPerson = z.strictObject({
  name: name.optional(),
  external_ref: token.nullable().optional(),
  metadata: metadata.optional(),
  watchlists: listOf(name).optional(),
  faces: z.record(z.string(), position).optional(),
  accept: z.record(z.string(), codes).optional(),
});

/** File names that are those of photos. */
const photoNames = /\.(jpe?g|png|webp)$/i;

/** Reads a folder with a subfolder for each person. An invalid subfolder does not affect the others. */
export const readFolders = async (path: string, names: readonly string[]): Promise<Source> => {
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
      refused.push(refusalOf(folder, name, error));
    }
  }
  return { people, refused, ignored };
};

const readFolder = async (folder: string) => {
  const entries = await readdir(folder, { withFileTypes: true });
  const files = entries.map((entry) => entry.name).sort();
  const photos = files.filter((file) => photoNames.test(file) && !file.startsWith('.'));
  const about = files.includes('person.json')
    ? aboutPerson.parse(JSON.parse(await readFile(join(folder, 'person.json'), 'utf8')))
    : {};
  const unknown = [...Object.keys(about.faces ?? {}), ...Object.keys(about.accept ?? {})].find(
    (file) => !photos.includes(file),
  );
  if (unknown)
    throw new WatchpostError('import_invalid', `person.json names ${unknown}, which is not there.`);
  const person: PersonSource = {
    at: folder,
    name: about.name ?? basename(folder),
    external_ref: about.external_ref ?? undefined,
    metadata: about.metadata ?? {},
    watchlists: about.watchlists ?? [],
    photos: photos.map((file) => ({
      file: join(folder, file),
      face: about.faces?.[file],
      accept: about.accept?.[file] ?? [],
    })),
  };
  const ignored = files.filter((file) => !photos.includes(file) && file !== 'person.json');
  return { person, ignored: ignored.map((file) => join(folder, file)) };
};

/** The ending of a photo's file, by its format. */
export const extensionOf = (format: string | null): string =>
  ({ jpeg: '.jpg', png: '.png', webp: '.webp' })[format ?? ''] ?? extname(`photo.${format ?? 'jpg'}`);
