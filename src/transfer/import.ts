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
import { fileError, type PersonSource, type PhotoSource, type Refusal } from './source.ts';

/**
 * Puts people of a source into the database. A person with all of their photos is one transaction, so an import that is
 * broken off leaves nobody half done, and can be run again.
 *
 * Who is known already: by external_ref, if the source gives one, and then the name must be the same. Without one, by the
 * name together with a photo: somebody of that name who was given one of these very files before, or, if there are no
 * photos, somebody of that name without photos. Two people of one name are thus never taken for one. Of a known person
 * the photos that were handed in before, byte for byte and for the same face, are left out, also those that were refused or
 * taken back; new photos and lists are added; name and metadata stay.
 */

/** How people are to be put in. */
export interface ImportOptions {
  /** Lists for everybody, besides their own. */
  readonly watchlists: readonly string[];
  /** Make lists that are not there, with the defaults. */
  readonly addWatchlists: boolean;
  readonly maxPixels: number;
}

/** What became of one person of the source. */
export interface Imported {
  readonly known: boolean;
  /** Photos that are in the database now, handed in this time or before. */
  readonly photos: readonly { readonly id: string; readonly file: string; readonly known: boolean }[];
  readonly refused: readonly Refusal[];
}

/** A photo that can be handed in. */
interface Photo extends PhotoSource {
  readonly bytes: Buffer;
  readonly sha256: Buffer;
}

/**
 * Puts one person in.
 *
 * @returns also what was refused of them; if nothing of them could be taken they are not made.
 */
export const importPerson = async (
  db: Kysely<DB>,
  person: PersonSource,
  options: ImportOptions,
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
  if (person.photos.length > 0 && photos.length === 0) return { known: false, photos: [], refused };

  try {
    const done = await db.transaction().execute((trx) => write(trx, person, photos, options));
    return { ...done, refused };
  } catch (error) {
    refuse(person.at, error);
    return { known: false, photos: [], refused };
  }
};

const write = async (
  trx: Kysely<DB>,
  person: PersonSource,
  photos: readonly Photo[],
  options: ImportOptions,
): Promise<Pick<Imported, 'known' | 'photos'>> => {
  // Two imports of one source at a time: the second finds what the first has made.
  await sql`select pg_advisory_xact_lock(hashtext('watchpost.import'), hashtext(${person.name}))`.execute(
    trx,
  );
  const knownId = await findKnown(trx, person, photos);
  const id =
    knownId ??
    (
      await addPerson(trx, {
        name: person.name,
        external_ref: person.external_ref,
        metadata: person.metadata,
      })
    ).id;
  for (const list of new Set([...person.watchlists, ...options.watchlists])) {
    await addToWatchlist(trx, await listId(trx, list, options.addWatchlists), id);
  }

  const before = knownId ? await readPhotos(trx, knownId) : [];
  const taken = [];
  for (const { file, face, accept, bytes, sha256 } of photos) {
    const same = before.find((photo) => photo.sha256.equals(sha256) && photo.chosen_face === (face ?? null));
    if (same) {
      taken.push({ id: same.id, file, known: true });
      continue;
    }
    const added = await addPersonPhoto({ db: trx }, { personId: id, bytes, chosenFace: face, accept });
    taken.push({ id: added.person_photo_id, file, known: false });
    before.push({ id: added.person_photo_id, sha256, chosen_face: face ?? null });
  }
  return { known: knownId !== undefined, photos: taken };
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
  person: PersonSource,
  photos: readonly Photo[],
): Promise<string | undefined> => {
  if (person.external_ref !== undefined) {
    const holder = await trx
      .selectFrom('watchpost.person')
      .select(['id', 'name'])
      .where('external_ref', '=', person.external_ref)
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
      and case
        when ${photos.length} > 0 then exists (
          select
          from watchpost.person_photo as f
          join watchpost.image as i on i.id = f.image_id
          where f.person_id = p.id and i.sha256 = any (${photos.map((photo) => photo.sha256)}::bytea[])
        )
        else not exists (select from watchpost.person_photo as f where f.person_id = p.id)
      end
    order by p.id
    limit 1
  `.execute(trx);
  return rows[0]?.id;
};

const readPhotos = (trx: Kysely<DB>, personId: string) =>
  trx
    .selectFrom('watchpost.person_photo as p')
    .innerJoin('watchpost.image as i', 'i.id', 'p.image_id')
    .select(['p.id', 'i.sha256', 'p.chosen_face'])
    .where('p.person_id', '=', personId)
    .execute();
