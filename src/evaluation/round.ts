import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '../database/pool.ts';
import { submitPhoto, untilEnded } from '../intake/index.ts';
import { addPerson, addPersonPhoto, addWatchlist } from '../watchlist/registry.ts';
import type { Split } from './split.ts';

/** A photo on its way: whose it is by its label, and its image. */
export interface Sent {
  readonly file: string;
  /** Person of the label; null: of nobody in particular. */
  readonly name: string | null;
  readonly imageId: string;
}

/** What one round has put into its database, all of it processed to the end. */
export interface Round {
  readonly split: Split;
  readonly enrolment: readonly Sent[];
  readonly probes: readonly Sent[];
  readonly strangers: readonly Sent[];
  readonly groups: readonly Sent[];
  /** Of the list, as it ships. */
  readonly threshold: number;
}

/**
 * Enrols and submits as anybody would, by rows, and waits for the workers to finish. The list is one that nobody has
 * adjusted. Frames are an hour apart, so that each sighting is an alert of its own.
 *
 * @param onProgress is called with the step, and how many of its photos are done, of how many.
 */
export const runRound = async (
  database: Database,
  folder: string,
  split: Split,
  onProgress: (what: string, ended: number, of: number) => void,
): Promise<Round> => {
  const list = await addWatchlist(database.db, { name: 'everybody', purpose: 'evaluation' });
  const enrolment: Sent[] = [];
  for (const { name, photos } of split.enrolled) {
    const person = await addPerson(database.db, { name, external_ref: name, watchlists: [list.id] });
    for (const file of photos) {
      const bytes = await readFile(join(folder, file));
      const { image_id } = await addPersonPhoto(database, { personId: person.id, bytes });
      enrolment.push({ file, name, imageId: image_id });
    }
  }
  await untilAllEnded(database, enrolment, (ended) => onProgress('enrolling', ended, enrolment.length));

  await database.pool.query(
    `insert into watchpost.camera (name, location) values ('evaluation', 'A labelled folder')`,
  );
  const begin = Date.now() - 3_600_000 * (split.probes.length + split.strangers.length + split.groups.length);
  let frames = 0;
  const submit = async (photos: readonly { file: string; name?: string | null }[]): Promise<Sent[]> => {
    const sent: Sent[] = [];
    for (const { file, name } of photos) {
      const imageId = await submitPhoto(database, {
        bytes: await readFile(join(folder, file)),
        camera: 'evaluation',
        capturedAt: new Date(begin + 3_600_000 * frames++),
      });
      sent.push({ file, name: name ?? null, imageId });
    }
    return sent;
  };
  const probes = await submit(split.probes);
  const strangers = await submit(split.strangers);
  const groups = await submit(split.groups.map(({ file }) => ({ file })));
  const all = [...probes, ...strangers, ...groups];
  await untilAllEnded(database, all, (ended) => onProgress('searching', ended, all.length));
  return { split, enrolment, probes, strangers, groups, threshold: list.threshold };
};

/** Waits for all photos, in the order they were sent, which is about the order they end in. */
const untilAllEnded = async (
  database: Database,
  photos: readonly Sent[],
  onProgress: (ended: number) => void,
): Promise<void> => {
  for (const [index, { imageId }] of photos.entries()) {
    await untilEnded(database, imageId);
    onProgress(index + 1);
  }
};
