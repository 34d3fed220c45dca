import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Kysely, sql } from 'kysely';
import sharp from 'sharp';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import { fileError } from './people.ts';
import { pathInCsv } from './people-csv.ts';
import { extensionOf } from './people-folder.ts';

/** What was written. */
interface Exported {
  readonly people: number;
  /** Photos with the bytes that were submitted. */
  readonly photos: number;
  /** Aligned faces of photos whose bytes were dropped. */
  readonly crops: number;
}

interface Person {
  readonly id: string;
  readonly name: string;
  readonly external_ref: string | null;
  readonly metadata: Record<string, unknown>;
  readonly watchlists: string[];
}

/**
 * Writes everybody who is enrolled, in both forms that an import reads: a subfolder a person, and people.csv. A photo
 * whose bytes were dropped is written as its aligned face, with a margin so that a detector finds it; photos that were
 * refused or removed are left out.
 *
 * @param folder must be empty, or not there.
 * @throws {WatchpostError} file_unreadable, folder_not_empty.
 */
export const exportPeople = async (
  db: Kysely<DB>,
  folder: string,
  onPerson: (soFar: Exported) => void = () => {},
): Promise<Exported> => {
  await provideFolder(folder);
  const people = await readPeople(db);
  const names = new Map<string, number>();
  const lines = [['name', 'external_ref', 'photos', 'watchlists', 'metadata', 'faces', 'accept']];
  let done: Exported = { people: 0, photos: 0, crops: 0 };
  for (const person of people) {
    const place = join(folder, folderName(person.name, names));
    await mkdir(place);
    const photos = await writePhotos(db, person.id, place);
    await writeFile(join(place, 'person.json'), `${JSON.stringify(aboutOf(person, photos), null, 2)}\n`);
    lines.push([
      person.name,
      person.external_ref ?? '',
      photos.map((photo) => pathInCsv(folder, join(place, photo.file))).join(';'),
      person.watchlists.some((list) => list.includes(';'))
        ? JSON.stringify(person.watchlists)
        : person.watchlists.join(';'),
      JSON.stringify(person.metadata),
      photos.map((photo) => photo.face ?? '').join(';'),
      photos.map((photo) => photo.accept.join(' ')).join(';'),
    ]);
    done = {
      people: done.people + 1,
      photos: done.photos + photos.filter((photo) => !photo.crop).length,
      crops: done.crops + photos.filter((photo) => photo.crop).length,
    };
    onPerson(done);
  }
  // Last, so that an export that was interrupted has none.
  await writeFile(
    join(folder, 'people.csv'),
    lines.map((cells) => `${cells.map(quoted).join(',')}\n`).join(''),
  );
  return done;
};

const provideFolder = async (folder: string): Promise<void> => {
  try {
    await mkdir(folder, { recursive: true });
    if ((await readdir(folder)).length === 0) return;
  } catch (error) {
    throw fileError(folder, error);
  }
  throw new WatchpostError('folder_not_empty', `${folder} is not empty.`, {
    hint: 'Give a folder that is not there yet.',
  });
};

const readPeople = async (db: Kysely<DB>): Promise<Person[]> => {
  const { rows } = await sql<Person>`
    select
      p.id,
      p.name,
      p.external_ref,
      p.metadata,
      array(
        select w.name
        from watchpost.watchlist_entry as e
        join watchpost.watchlist as w on w.id = e.watchlist_id
        where e.person_id = p.id
        order by w.name
      ) as watchlists
    from watchpost.person as p
    where p.merged_into is null
    order by p.id
  `.execute(db);
  return rows;
};

interface WrittenPhoto {
  readonly file: string;
  readonly face: number | null;
  readonly accept: string[];
  readonly crop: boolean;
}

const writePhotos = async (db: Kysely<DB>, personId: string, place: string): Promise<WrittenPhoto[]> => {
  const photos = await db
    .selectFrom('watchpost.photo_status as s')
    .innerJoin('watchpost.image as i', 'i.id', 's.image_id')
    .leftJoin('watchpost.face as f', 'f.id', 's.face_id')
    .select(['s.person_photo_id', 's.image_id', 's.chosen_face', 's.accept', 'i.format', 'f.crop'])
    .where('s.person_id', '=', personId)
    .where('s.state', '=', 'enrolled')
    .orderBy('s.person_photo_id')
    .execute();
  const written: WrittenPhoto[] = [];
  for (const [index, photo] of photos.entries()) {
    // One at a time: the photos of one person may be many, and large.
    const original = await db
      .selectFrom('watchpost.image')
      .select('bytes')
      .where('id', '=', photo.image_id as string)
      .executeTakeFirst();
    const accept = photo.accept ?? [];
    if (original?.bytes) {
      const file = `${index + 1}${extensionOf(photo.format)}`;
      await writeFile(join(place, file), original.bytes);
      written.push({ file, face: photo.chosen_face, accept, crop: false });
    } else if (photo.crop) {
      const file = `${index + 1}-face.png`;
      await writeFile(join(place, file), await withMargin(photo.crop));
      written.push({ file, face: null, accept, crop: true });
    }
  }
  return written;
};

/** With half a face of gray on each side: a face that fills the photo is larger than the detector finds. */
const withMargin = async (crop: Buffer): Promise<Buffer> => {
  const { width = 112 } = await sharp(crop).metadata();
  const side = Math.round(width / 2);
  return sharp(crop)
    .extend({ top: side, bottom: side, left: side, right: side, background: '#808080' })
    .png()
    .toBuffer();
};

const aboutOf = (person: Person, photos: readonly WrittenPhoto[]) => {
  const faces = photos.flatMap((photo) => (photo.face === null ? [] : [[photo.file, photo.face]]));
  const accept = photos.flatMap((photo) => (photo.accept.length === 0 ? [] : [[photo.file, photo.accept]]));
  return {
    name: person.name,
    ...(person.external_ref === null ? {} : { external_ref: person.external_ref }),
    metadata: person.metadata,
    watchlists: person.watchlists,
    ...(faces.length === 0 ? {} : { faces: Object.fromEntries(faces) }),
    ...(accept.length === 0 ? {} : { accept: Object.fromEntries(accept) }),
  };
};

/** A name that every file system takes; people of one name get a number. */
const folderName = (name: string, used: Map<string, number>): string => {
  const plain =
    name
      .replaceAll(/[/\\:*?"<>|\p{Cc}]/gu, '_')
      .replace(/^[._]+/, '')
      .slice(0, 80) || 'person';
  const key = plain.toLowerCase();
  const count = (used.get(key) ?? 0) + 1;
  used.set(key, count);
  return count === 1 ? plain : `${plain} (${count})`;
};

const quoted = (cell: string): string => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
