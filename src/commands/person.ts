import type { Database } from '../database/pool.ts';
import { addPerson, addPersonPhoto } from '../watchlist/registry.ts';
import { readPhotoFile, untilEnded, warnWithoutWorker } from './submit.ts';

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
    wait: boolean;
    maxPixels: number;
  },
): Promise<boolean> => {
  const photos = [];
  for (const file of person.photo) photos.push({ file, bytes: await readPhotoFile(file, person.maxPixels) });

  const made = await addPerson(database.db, {
    name: person.name,
    external_ref: person.ref,
    watchlists: person.watchlist,
  });
  process.stdout.write(`${made.name}  ${made.id}\n`);

  const handedIn = [];
  for (const { file, bytes } of photos) {
    const added = await addPersonPhoto(database, { personId: made.id, bytes, chosenFace: person.face });
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
