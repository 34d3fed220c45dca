import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '../database/pool.ts';
import { submitPhoto, untilEnded } from '../intake/index.ts';
import { addPerson, addPersonPhoto, addWatchlist } from '../watchlist/registry.ts';
import type { Split } from './split.ts';

/** A submitted photo: who is in it by its label, and its image. */
export interface Sent {
  readonly file: string;
  /** The person by the label; null: a stranger, or a group. */
  readonly name: string | null;
  readonly imageId: string;
}

/** The photos of one round, all of them processed. */
export interface Round {
  readonly split: Split;
  readonly enrolment: readonly Sent[];
  readonly probes: readonly Sent[];
  readonly strangers: readonly Sent[];
  readonly groups: readonly Sent[];
  /** Of the list: the default. */
  readonly threshold: number;
}

/**
 * Enrols and submits the photos of a round and waits until they are processed. The list has the default settings.
 * Frames are an hour apart, so that each sighting is an alert of its own.
 *
 * @param onProgress called with the step, the photos that are done with it, and all its photos.
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
      const { id: imageId } = await submitPhoto(database, {
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
