import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Kysely, sql } from 'kysely';
import sharp from 'sharp';
import { fromStored } from '../database/at-rest.ts';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import { whyUnusableFile } from '../file-errors.ts';
import { isLitter } from '../intake/index.ts';
import { type Rotation, upright } from '../vision/index.ts';
import { recordAccess } from '../watchlist/registry.ts';
import type { StoredLink } from './links.ts';
import { type CannotLink, type Manifest, manifestName, manifestVersion } from './manifest.ts';
import { type Person, type Photo, readEverything } from './stored.ts';

/** What was written. */
export interface Exported {
  readonly people: number;
  /** Photos with the bytes that were submitted. */
  readonly photos: number;
  /** Aligned faces of photos whose bytes were dropped. */
  readonly crops: number;
  readonly cameras: number;
  readonly watchlists: number;
  readonly cannot_links: number;
}

/** Only its owner may read what is written: the photos are biometric data. */
const modes = { folder: 0o700, file: 0o600 };

/**
 * Writes everybody with the photos that are enrolled, all cameras, lists and cannot-links, in the form that an import
 * reads: a subfolder a person, and a manifest. A photo whose bytes were dropped is written as its aligned face, with a
 * margin so that a detector finds it; photos that were refused or removed are left out. Who is exported is on record
 * (the table access) before anything is written.
 *
 * @param folder must be empty, or not there.
 * @param options.reason why, for the record.
 * @throws {WatchpostError} file_unreadable, folder_not_empty.
 */
export const exportPeople = async (
  db: Kysely<DB>,
  folder: string,
  { reason, onPerson = () => {} }: { reason?: string | undefined; onPerson?: () => void } = {},
): Promise<Exported> => {
  try {
    await provideFolder(folder);
    const { people, links, cameras, watchlists } = await readEverything(db);
    await recordExport(db, people, reason);
    const places = placesOf(people);
    const written = { photos: 0, crops: 0 };
    for (const person of people) {
      const { photos, crops } = await writePerson(db, person, join(folder, places.get(person.id) as string));
      written.photos += photos;
      written.crops += crops;
      onPerson();
    }
    const manifest: Manifest = {
      format: 'watchpost',
      version: manifestVersion,
      exported_at: new Date().toISOString(),
      cameras,
      watchlists,
      cannot_links: await writeLinks(folder, links, places),
    };
    // Last, so that an export that was interrupted has none.
    await writeJson(join(folder, manifestName), manifest);
    return {
      people: people.length,
      ...written,
      cameras: cameras.length,
      watchlists: watchlists.length,
      cannot_links: links.length,
    };
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    throw new WatchpostError(
      'file_unreadable',
      `${folder} cannot be written: ${whyUnusableFile(error) ?? error.message}.`,
      {
        cause: error,
      },
    );
  }
};

/** People of one row of the record of accesses. */
const peopleOfRow = 1000;

/** Before the first photo is written, also if the export is interrupted later. */
const recordExport = async (
  db: Kysely<DB>,
  people: readonly Person[],
  reason: string | undefined,
): Promise<void> => {
  const details = { people: people.length };
  for (let from = 0; from < people.length; from += peopleOfRow) {
    const persons = people.slice(from, from + peopleOfRow).map(({ id }) => id);
    await recordAccess(db, { action: 'export', persons, reason, details });
  }
};

const provideFolder = async (folder: string): Promise<void> => {
  await mkdir(folder, { recursive: true, mode: modes.folder });
  if ((await readdir(folder)).length === 0) return;
  throw new WatchpostError('folder_not_empty', `${folder} is not empty.`, {
    hint: 'Give a folder that is not there yet.',
  });
};

const writeJson = (file: string, value: unknown) =>
  writeFile(file, `${JSON.stringify(value, null, 2)}\n`, { mode: modes.file });

/** The folder of each person by their id. */
const placesOf = (people: readonly Person[]): Map<string, string> => {
  const used = new Map<string, number>();
  return new Map(people.map(({ id, name }) => [id, folderName(name, used)]));
};

/**
 * A name that every file system takes and an import does not skip; people of one name get a number.
 *
 * @param used by folder in lower case, the number that was given last.
 */
const folderName = (name: string, used: Map<string, number>): string => {
  const plain = name
    .replaceAll(/[/\\:*?"<>|\p{Cc}]/gu, '_')
    .replace(/^[._\s]+/, '')
    .slice(0, 60)
    .replace(/[.\s\ud800-\udbff]+$/, '');
  const safe = plain === '' || isLitter(plain) || plain === manifestName ? `person ${plain}`.trim() : plain;
  let count = (used.get(safe.toLowerCase()) ?? 0) + 1;
  let folder = count === 1 ? safe : `${safe} (${count})`;
  for (; used.has(folder.toLowerCase()); folder = `${safe} (${count})`) count += 1;
  used.set(folder.toLowerCase(), 1);
  used.set(safe.toLowerCase(), count);
  return folder;
};

const writePerson = async (
  db: Kysely<DB>,
  person: Person,
  place: string,
): Promise<{ photos: number; crops: number }> => {
  await mkdir(place, { mode: modes.folder });
  const faces: Record<string, number> = {};
  const accept: Record<string, string[]> = {};
  const written = { photos: 0, crops: 0 };
  for (const [index, photo] of person.photos.entries()) {
    const stored = await readStored(db, photo);
    if (!stored) continue;
    const file = `${index + 1}${stored.ending}`;
    await writeFile(join(place, file), stored.bytes, { mode: modes.file });
    if (photo.face !== null && !stored.isCrop) faces[file] = photo.face;
    if (photo.accept.length > 0) accept[file] = photo.accept;
    written[stored.isCrop ? 'crops' : 'photos'] += 1;
  }
  const { name, external_ref, metadata, legal_basis, keep_until, created_at, watchlists } = person;
  await writeJson(join(place, 'person.json'), {
    name,
    external_ref,
    metadata,
    legal_basis,
    keep_until,
    created_at,
    watchlists,
    faces,
    accept,
  });
  return written;
};

/** The photo as it was submitted, upright if its camera is mounted turned, else its face; undefined if it was deleted meanwhile. */
const readStored = async (db: Kysely<DB>, photo: Photo) => {
  const row = await db
    .selectFrom('watchpost.image as i')
    .leftJoin('watchpost.face as f', (join) =>
      join
        .onRef('f.image_id', '=', 'i.id')
        .on('f.ordinal', '=', photo.face ?? 1)
        .on('f.superseded_at', 'is', null),
    )
    .select([
      'i.bytes',
      'i.rotation',
      sql<Buffer | null>`case when i.bytes is null then f.crop end`.as('crop'),
    ])
    .where('i.id', '=', photo.image_id)
    .executeTakeFirst();
  if (row?.bytes)
    return {
      // A person's photo has no camera any more when it is imported: nothing then says how to turn it.
      bytes: await upright(await fromStored(db, row.bytes), row.rotation as Rotation),
      ending: row.rotation === 0 ? endingOf(photo.format) : '.jpg',
      isCrop: false,
    };
  if (row?.crop)
    return { bytes: await withMargin(await fromStored(db, row.crop)), ending: '-face.png', isCrop: true };
  return undefined;
};

/** The ending of a photo's file, by its format. */
const endingOf = (format: string | null): string =>
  `.${format === 'jpeg' || format === null ? 'jpg' : format}`;

/** With half a face of gray on each side: a face that fills the photo is larger than the detector finds. */
const withMargin = async (crop: Buffer): Promise<Buffer> => {
  const { width = 112 } = await sharp(crop).metadata();
  const side = Math.round(width / 2);
  return sharp(crop)
    .extend({ top: side, bottom: side, left: side, right: side, background: '#808080' })
    .png()
    .toBuffer();
};

/** Writes the faces that are not somebody, into a folder that an import does not take for a person. */
const writeLinks = async (
  folder: string,
  links: readonly StoredLink[],
  places: ReadonlyMap<string, string>,
): Promise<CannotLink[]> => {
  if (links.some(({ face }) => face)) await mkdir(join(folder, '_faces'), { mode: modes.folder });
  const written: CannotLink[] = [];
  for (const [index, { person_id, other_person_id, face, ...link }] of links.entries()) {
    const person = places.get(person_id);
    if (person === undefined) continue;
    if (face) {
      const crop = `_faces/${index + 1}.jpg`;
      await writeFile(join(folder, crop), face.crop, { mode: modes.file });
      written.push({ person, face: { ...face, crop }, ...link });
    } else {
      written.push({ person, other_person: places.get(other_person_id as string) as string, ...link });
    }
  }
  return written;
};
