import type { Database } from '../database/pool.ts';
import { CommandError } from '../errors.ts';
import { type EndedEnrolment, endedEnrolments } from '../intake/index.ts';
import { reasonOf } from './program/each.ts';
import { type Io, print } from './program/io.ts';
import { readGivenPhoto } from './submit.ts';
import { warnWithoutWorker } from './submit-ways.ts';

/** Photos that are named on the command line to enrol somebody. */

/** A photo that was read and looks like one. */
export interface GivenPhoto {
  readonly file: string;
  readonly bytes: Buffer;
}

/** A photo that waits to be enrolled. */
export interface WaitingPhoto {
  readonly file: string;
  /** Of the row in person_photo. */
  readonly id: string;
}

/**
 * Reads all files before anything is written, and names on stderr those that are no photos.
 *
 * @returns the others; fewer than were given mean exit code 1.
 * @throws {CommandError} if there are none.
 */
export const readGivenPhotos = async (
  io: Io,
  files: readonly string[],
  maxPixels: number,
): Promise<GivenPhoto[]> => {
  const photos: GivenPhoto[] = [];
  for (const file of files) {
    try {
      photos.push({ file, bytes: await readGivenPhoto(file, maxPixels) });
    } catch (error) {
      if (files.length === 1) throw error;
      io.stderr.write(`${reasonOf(error)}\n`);
    }
  }
  if (files.length > 0 && photos.length === 0) throw new CommandError('None of these files is a photo.');
  return photos;
};

/** Waits until each photo is enrolled or refused. */
export const untilAllEnded = async (
  io: Io,
  database: Database,
  waiting: readonly WaitingPhoto[],
): Promise<EndedEnrolment[]> => {
  await warnWithoutWorker(io, database);
  const ended: EndedEnrolment[] = [];
  for await (const one of endedEnrolments(
    database,
    waiting.map(({ id }) => id),
  ))
    ended.push(one);
  return ended;
};

/**
 * Prints what became of each photo, in the order in which they were given.
 *
 * @param options.ids whether a refused photo is stored, so that its id can be used.
 * @returns whether all were enrolled.
 */
export const printEnded = (
  io: Io,
  waiting: readonly WaitingPhoto[],
  ended: readonly EndedEnrolment[],
  options: { ids: boolean },
): boolean => {
  for (const { file, id } of waiting) {
    const end = ended.find((one) => one.id === id);
    if (!end || end.state === 'enrolled') print(io, `  ${file}  ${end ? 'enrolled' : 'waits'}`);
    else print(io, `  ${file}  refused: ${end.message} (${end.code})${options.ids ? `  ${id}` : ''}`);
  }
  return ended.every((one) => one.state === 'enrolled');
};
