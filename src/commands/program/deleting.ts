import type { Kysely } from 'kysely';
import type { DB } from '../../database/types.generated.ts';
import {
  countPhotos,
  deletePhotos,
  type History,
  type PhotoCount,
  type PhotoSelection,
  type Transact,
} from '../../watchlist/registry.ts';
import { type Io, print, printJson } from './io.ts';
import { Progress } from './progress.ts';

/** Deletions on the command line: what would be deleted, how far it is, and what stays. */

/** Transactions of the database's user. */
export const transactions =
  (db: Kysely<DB>): Transact =>
  (run) =>
    db.transaction().execute(run);

const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;

/** What is deleted with a list or a person, as a part of a sentence. */
export const listed = ({ entries, alerts, matches, photos }: History): string =>
  [
    counted(entries, 'entry of lists', 'entries of lists'),
    counted(alerts, 'alert'),
    counted(matches, 'sighting'),
    ...(photos > 0 ? [counted(photos, 'enrolled photo')] : []),
  ].join(', ');

/** Why the record of what is deleted stays. */
export const recordStays =
  'Their events, and the seals over them, stay: the record is evidence and is never deleted.';

/**
 * What is deleted, shown batch by batch: alerts first, which take their sightings with them.
 *
 * @returns what is to be called after each batch, and when all is done.
 */
export const deletionProgress = ({ stderr }: Io, what: string, total: number) => {
  // Deleting little needs no progress.
  const progress = total > 100 ? new Progress(stderr, what, total) : undefined;
  return {
    step: (rows: number) => progress?.step(rows),
    end: () => progress?.end(),
  };
};

/** Deletes photos with progress, or with `dryRun` only counts them, and says which stay and why. */
export const deletePhotosShown = async (
  io: Io,
  db: Kysely<DB>,
  photos: PhotoSelection,
  { dryRun = false, json = false }: { dryRun?: boolean | undefined; json?: boolean | undefined },
): Promise<void> => {
  const before = await countPhotos(db, photos);
  let deleted = 0;
  if (!dryRun) {
    const progress = deletionProgress(io, 'photos deleted', before.deletable);
    deleted = await deletePhotos(transactions(db), photos, progress.step);
    progress.end();
  }
  const { deletable, ...kept } = dryRun ? before : await countPhotos(db, photos);
  if (json) {
    printJson(io, { dryRun, [dryRun ? 'deletable' : 'deleted']: dryRun ? deletable : deleted, kept });
    return;
  }
  print(
    io,
    dryRun
      ? `${counted(deletable, 'photo')} would be deleted, with their faces and searches`
      : `${counted(deleted, 'photo')} ${deleted === 1 ? 'is' : 'are'} deleted, with their faces and searches`,
    { deletable, deleted: dryRun ? 0 : deleted, kept, dry_run: dryRun },
  );
  for (const sentence of reasonsToStay(kept)) print(io, sentence);
};

const reasonsToStay = (kept: Omit<PhotoCount, 'deletable'>): string[] =>
  [
    kept.in_alerts > 0
      ? `${counted(kept.in_alerts, 'photo')} kept as evidence of alerts, until the alert's person or list is removed.`
      : '',
    kept.enrolling > 0
      ? `${counted(kept.enrolling, 'photo')} kept as photos of enrolled people: "person remove-photo" removes those.`
      : '',
    kept.in_cannot_links > 0
      ? `${counted(kept.in_cannot_links, 'photo')} kept for cannot_link: somebody has said whom their faces are not.`
      : '',
  ].filter((sentence) => sentence !== '');
