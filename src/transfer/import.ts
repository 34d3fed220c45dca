import { createHash } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import { readPhotoFile } from '../intake/index.ts';
import {
  addPerson,
  addPersonPhoto,
  addToWatchlist,
  addWatchlist,
  findWatchlist,
} from '../watchlist/registry.ts';
import { fileError, type PersonSource, type PhotoSource, type Refusal } from './people.ts';

/** How people are to be imported. */
export interface ImportOptions {
  /** Lists that everybody is put on, with those of the source. */
  readonly watchlists: readonly string[];
  /** Add lists that do not exist, with the defaults. */
  readonly addWatchlists: boolean;
  readonly maxPixels: number;
}

/** What an import knows of the people before this one. */
export interface Context {
  /** Ids of everybody of this source so far: two people of one name are never taken for one. */
  readonly taken: ReadonlySet<string>;
  /** Lists on which nobody can be put; entries of these are left to the caller. */
  readonly endedLists: ReadonlySet<string>;
  /** Called within the transaction that writes the person, before their photos. */
  readonly onPerson: (trx: Kysely<DB>, id: string) => Promise<void>;
}

/** The result for one person of the source. */
export interface Imported {
  /** Null: they were not added. */
  readonly id: string | null;
  readonly known: boolean;
  /** Their photos that are in the database now, from this import or before. */
  readonly photos: readonly { readonly id: string; readonly file: string; readonly known: boolean }[];
  readonly refused: readonly Refusal[];
}

/** A photo that was read and can be enrolled. */
interface Photo extends PhotoSource {
  readonly bytes: Buffer;
  readonly sha256: Buffer;
}

/**
 * Writes a person with all of their photos in one transaction, so that an import which is interrupted can be run again.
 *
 * A person is known by external_ref, if the source has one, and then the name must be the same. Without one a person is
 * known by the name together with a photo: a person of this name for whom one of these files was imported before, or, if
 * the source has no photos, a person of this name without photos. So two people of one name are never merged. Photos
 * of a known person that were imported before, with the same bytes and the same face, are left out, also those that were
 * refused or removed. New photos and lists are added; name and metadata stay.
 *
 * @returns also what was refused of them. A person all of whose photos were refused is not added.
 */
export const importPerson = async (
  db: Kysely<DB>,
  person: PersonSource,
  options: ImportOptions,
  context: Context,
): Promise<Imported> => {
  const refused: Refusal[] = [];
  const refuse = (file: string, error: unknown) => {
    const { code, message } = fileError(file, error);
    refused.push({ file, person: person.name, code, message });
  };

  const photos: Photo[] = [];
  for (const photo of person.photos) {
    try {
      const bytes = await readPhotoFile(photo.file, options);
      photos.push({ ...photo, bytes, sha256: createHash('sha256').update(bytes).digest() });
    } catch (error) {
      refuse(photo.file, error);
    }
  }
  const nobody = { id: null, known: false, photos: [], refused };
  if (person.photos.length > 0 && photos.length === 0) return nobody;

  try {
    const done = await db
      .transaction()
      .execute((trx) => writePerson(trx, { ...person, photos }, options, context));
    return { ...done, refused };
  } catch (error) {
    refuse(person.at, error);
    return nobody;
  }
};

type ReadPerson = Omit<PersonSource, 'photos'> & { readonly photos: readonly Photo[] };

const writePerson = async (
  trx: Kysely<DB>,
  person: ReadPerson,
  options: ImportOptions,
  context: Context,
): Promise<Omit<Imported, 'refused'>> => {
  // Of two imports of one source at the same time the second finds what the first has written.
  await sql`select pg_advisory_xact_lock(hashtext('watchpost.import'), hashtext(${person.name}))`.execute(
    trx,
  );
  const knownId = await findKnown(trx, person, context.taken);
  const id = knownId ?? (await addPerson(trx, { ...person, watchlists: [] })).id;
  const lists = [
    ...person.watchlists,
    ...options.watchlists.map((name) => ({ name, created_at: undefined })),
  ];
  for (const { name, created_at } of lists) {
    if (context.endedLists.has(name)) continue;
    await addToWatchlist(trx, await listId(trx, name, options.addWatchlists), id, created_at);
  }
  await context.onPerson(trx, id);

  const before = knownId ? await readEarlierPhotos(trx, knownId) : [];
  const stored = [];
  for (const { file, face, accept, bytes, sha256 } of person.photos) {
    const same = before.find((photo) => photo.sha256.equals(sha256) && photo.chosen_face === (face ?? null));
    if (same) {
      stored.push({ id: same.id, file, known: true });
      continue;
    }
    const added = await addPersonPhoto({ db: trx }, { personId: id, bytes, chosenFace: face, accept });
    stored.push({ id: added.person_photo_id, file, known: false });
    before.push({ id: added.person_photo_id, sha256, chosen_face: face ?? null });
  }
  return { id, known: knownId !== undefined, photos: stored };
};

const listId = async (trx: Kysely<DB>, name: string, add: boolean): Promise<string> => {
  try {
    return await findWatchlist(trx, name);
  } catch (error) {
    if (!add || !(error instanceof WatchpostError) || error.code !== 'watchlist_unknown') throw error;
    return (await addWatchlist(trx, { name })).id;
  }
};

const findKnown = async (
  trx: Kysely<DB>,
  person: ReadPerson,
  taken: ReadonlySet<string>,
): Promise<string | undefined> => {
  const { photos } = person;
  if (person.external_ref !== undefined) {
    const holder = await trx
      .selectFrom('watchpost.person')
      // Who was merged into another since is known as that person, by the name they had.
      .select([sql<string>`watchpost.survivor(id)`.as('id'), 'name'])
      .where('external_ref', '=', person.external_ref)
      // Sites may each have somebody with this reference.
      .orderBy(sql`site_id <> watchpost.default_site()`)
      .executeTakeFirst();
    if (holder && holder.name !== person.name) {
      throw new WatchpostError(
        'name_taken',
        `The external reference ${JSON.stringify(person.external_ref)} is taken: ${holder.name} (${holder.id}) has it.`,
      );
    }
    return holder?.id;
  }
  const { rows } = await sql<{ id: string }>`
    select p.id
    from watchpost.person as p
    where p.name = ${person.name}
      and p.merged_into is null
      and case
        when ${photos.length} > 0 then exists (
          select
          from watchpost.person_photo as f
          join watchpost.image as i on i.id = f.image_id
          join unnest(
            ${photos.map((photo) => photo.sha256)}::bytea[], ${photos.map((photo) => photo.face ?? null)}::smallint[]
          ) as wanted (sha256, face) on wanted.sha256 = i.sha256 and wanted.face is not distinct from f.chosen_face
          where f.person_id = p.id
        )
        else not exists (select from watchpost.person_photo as f where f.person_id = p.id)
      end
    order by p.external_ref is not null, p.id
  `.execute(trx);
  return rows.find((row) => !taken.has(row.id))?.id;
};

const readEarlierPhotos = (trx: Kysely<DB>, personId: string) =>
  trx
    .selectFrom('watchpost.person_photo as p')
    .innerJoin('watchpost.image as i', 'i.id', 'p.image_id')
    .select(['p.id', 'i.sha256', 'p.chosen_face'])
    .where('p.person_id', '=', personId)
    .execute();
