import { type Kysely, sql } from 'kysely';
import type { Database } from '../database/pool.ts';
import type { DB } from '../database/types.generated.ts';
import { CommandError, WatchpostError } from '../errors.ts';
import { untilEnded } from '../intake/index.ts';
import { addPerson, addPersonPhoto } from '../watchlist/registry.ts';
import { readPhoto, warnWithoutWorker } from './submit.ts';

/**
 * `watchpost person add`: makes a person, hands in their photos and tells for each whether it was enrolled.
 *
 * @returns whether every photo was enrolled.
 */
export const addPersonWithPhotos = async (
  database: Database,
  person: {
    name: string;
    ref?: string;
    watchlist: string[];
    photo: string[];
    face?: number;
    accept: string[];
    metadata?: Record<string, unknown>;
    wait: boolean;
    maxPixels: number;
  },
): Promise<boolean> => {
  const photos = [];
  for (const file of person.photo) photos.push({ file, bytes: await readPhoto(file, person.maxPixels) });

  const made = await addPerson(database.db, {
    name: person.name,
    external_ref: person.ref,
    metadata: person.metadata,
    watchlists: person.watchlist,
  });
  process.stdout.write(`${made.name}  ${made.id}\n`);

  const handedIn = [];
  for (const { file, bytes } of photos) {
    const added = await addPersonPhoto(database, {
      personId: made.id,
      bytes,
      chosenFace: person.face,
      accept: person.accept,
    });
    handedIn.push({ file, imageId: added.image_id });
  }
  if (!person.wait || handedIn.length === 0) return true;
  await warnWithoutWorker(database);

  let good = true;
  for (const { file, imageId } of handedIn) {
    const ended = await untilEnded(database, imageId);
    good &&= ended.state === 'done';
    process.stdout.write(
      ended.state === 'done' ? `  ${file}  enrolled\n` : `  ${file}  refused: ${ended.message}\n`,
    );
  }
  return good;
};

/**
 * The person that somebody at a terminal means.
 *
 * @param wanted an id, an external reference, or a name that only one person has.
 * @throws {WatchpostError} person_unknown. {CommandError} if several have the name.
 */
export const findOnePerson = async (
  db: Kysely<DB>,
  wanted: string,
): Promise<{ id: string; name: string }> => {
  const { rows } = await sql<{ id: string; name: string; exact: boolean }>`
    select p.id, p.name, p.id::text = lower(${wanted}) or p.external_ref = ${wanted} as exact
    from watchpost.person as p
    where p.id::text = lower(${wanted}) or p.external_ref = ${wanted} or p.name = ${wanted}
    order by exact desc nulls last, p.id
    limit 10
  `.execute(db);
  const [first] = rows;
  if (!first) throw new WatchpostError('person_unknown', `There is no person ${JSON.stringify(wanted)}.`);
  if (!first.exact && rows.length > 1) {
    throw new CommandError(
      `Several people are called ${wanted}; give the id of one: ${rows.map((row) => row.id).join(', ')}.`,
    );
  }
  return first;
};
