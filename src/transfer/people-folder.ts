import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { legalBasis, listOf, metadata, name, storedTime, token } from '../fields.ts';
import { inOrder, isFileOrLinkToOne, isLitter, isPhotoFile } from '../intake/index.ts';
import { assertKnown, readText } from '../text-file.ts';
import { manifestName } from './manifest.ts';
import { codes, entry, type PersonSource, position, type Refusal, refusalOf, type Source } from './people.ts';

/** Describes the person of a folder, in it. */
const aboutName = 'person.json';
const aboutPerson = z.object({
  name: name.optional(),
  external_ref: token.nullable().optional(),
  metadata: metadata.optional(),
  legal_basis: legalBasis.optional(),
  keep_until: storedTime.nullable().optional(),
  created_at: storedTime.optional(),
  watchlists: listOf(entry).optional(),
  faces: z.record(z.string(), position).optional(),
  accept: z.record(z.string(), codes).optional(),
});
type AboutPerson = z.infer<typeof aboutPerson>;

/** Whether a subfolder is none of a person's: one of the system, or one that begins with _. */
const isSkipped = (name: string): boolean => isLitter(name) || name.startsWith('_');

/** Reads a folder with a subfolder for each person. An invalid subfolder does not affect the others. */
export const readFolders = async (path: string): Promise<Source> => {
  const people: PersonSource[] = [];
  const refused: Refusal[] = [];
  const ignored: string[] = [];
  const entries = await readdir(path, { withFileTypes: true });
  for (const found of entries.sort((a, b) => inOrder(a.name, b.name))) {
    const folder = join(path, found.name);
    if (isSkipped(found.name) || found.name === manifestName) continue;
    try {
      if ((await stat(folder)).isFile()) {
        ignored.push(folder);
        continue;
      }
      const read = await readFolder(folder);
      people.push(read.person);
      ignored.push(...read.ignored);
    } catch (error) {
      refused.push(refusalOf(folder, found.name, error));
    }
  }
  return { people, refused, ignored };
};

const readFolder = async (folder: string) => {
  const photos: string[] = [];
  const ignored: string[] = [];
  const entries = await readdir(folder, { withFileTypes: true });
  for (const found of entries.sort((a, b) => inOrder(a.name, b.name))) {
    if (isLitter(found.name) || found.name === aboutName) continue;
    const path = join(folder, found.name);
    const isPhoto = (await isFileOrLinkToOne(path, found)) && (await isPhotoFile(path));
    (isPhoto ? photos : ignored).push(found.name);
  }
  const isDescribed = entries.some((found) => found.name === aboutName);
  if (photos.length === 0 && !isDescribed) {
    throw new WatchpostError('import_invalid', `There is no photo in ${folder}.`);
  }
  const about = isDescribed ? await readAbout(join(folder, aboutName), photos) : {};
  const person: PersonSource = {
    at: folder,
    key: basename(folder).normalize('NFC'),
    name: about.name ?? nameOfFolder(folder),
    external_ref: about.external_ref ?? undefined,
    metadata: about.metadata ?? {},
    legal_basis: about.legal_basis,
    keep_until: about.keep_until,
    created_at: about.created_at,
    watchlists: about.watchlists ?? [],
    photos: photos.map((file) => ({
      file: join(folder, file),
      face: about.faces?.[file.normalize('NFC')],
      accept: about.accept?.[file.normalize('NFC')] ?? [],
    })),
  };
  return { person, ignored: ignored.map((file) => join(folder, file)) };
};

const nameOfFolder = (folder: string): string => {
  if (basename(folder).includes('\uFFFD')) {
    throw new WatchpostError(
      'import_invalid',
      `The name of ${folder} is not UTF-8. Rename it, or convert it: convmv -f WINDOWS-1252 -t UTF-8 --notest.`,
    );
  }
  return z.object({ name }).parse({ name: basename(folder) }).name;
};

/** Reads person.json. The names of files in it are put into the normalization form in which they are compared. */
const readAbout = async (file: string, photos: readonly string[]): Promise<AboutPerson> => {
  const json: unknown = JSON.parse(await readText(file));
  if (typeof json === 'object' && json !== null)
    assertKnown(aboutName, 'key', Object.keys(json), Object.keys(aboutPerson.shape));
  const about = aboutPerson.parse(json);
  const [faces, accept] = [comparable(about.faces ?? {}), comparable(about.accept ?? {})];
  const known = new Set(photos.map((photo) => photo.normalize('NFC')));
  const unknown = [...Object.keys(faces), ...Object.keys(accept)].find((photo) => !known.has(photo));
  if (unknown !== undefined)
    throw new WatchpostError('import_invalid', `${aboutName} names ${unknown}, which is not there.`);
  return { ...about, faces, accept };
};

const comparable = <T>(byFile: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(byFile).map(([file, value]) => [file.normalize('NFC'), value]));
