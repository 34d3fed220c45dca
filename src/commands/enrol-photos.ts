import type { Database } from '../database/pool.ts';
import { CommandError } from '../errors.ts';
import { type EndedEnrolment, endedEnrolments } from '../intake/index.ts';
import { takeBackPerson } from '../watchlist/registry.ts';
import { printDuplicates } from './person-merge.ts';
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
    if (!end || end.state === 'enrolled')
      print(io, `  ${file}  ${end ? 'enrolled' : 'waits'}`, {
        file,
        photo: id,
        state: end ? 'enrolled' : 'waits',
      });
    else
      print(io, `  ${file}  refused: ${end.message} (${end.code})${options.ids ? `  ${id}` : ''}`, {
        file,
        ...(options.ids ? { photo: id } : {}),
        state: 'refused',
        code: end.code,
        message: end.message,
      });
  }
  return ended.every((one) => one.state === 'enrolled');
};

/** A person who was added with photos that wait to be enrolled. */
interface Added {
  readonly person: { readonly id: string; readonly name: string };
  readonly waiting: readonly WaitingPhoto[];
}

/**
 * Waits until each photo of a new person is enrolled or refused, prints what became of it, and takes the person back if no
 * photo can be used.
 *
 * @param adviceOn says what to do then.
 * @returns whether all were enrolled.
 * @throws {CommandError} the person was taken back.
 */
export const enrolledOrTakenBack = async (
  io: Io,
  database: Database,
  added: Added,
  adviceOn: (ended: readonly EndedEnrolment[]) => string,
): Promise<boolean> => {
  const { person, waiting } = added;
  const ended = await orTakenBack(io, database, added, untilAllEnded(io, database, waiting));
  if (ended.some(({ state }) => state === 'enrolled')) {
    print(io, `${person.name}  ${person.id}`, person);
    const all = printEnded(io, waiting, ended, { ids: true });
    await printDuplicates(io, database.db, person.id);
    return all;
  }
  if (!(await takeBackPerson(database.db, person.id, idsOf(waiting)))) {
    // Somebody else has given them a photo meanwhile.
    print(io, `${person.name}  ${person.id}`, person);
    return printEnded(io, waiting, ended, { ids: true });
  }
  printEnded(io, waiting, ended, { ids: false });
  throw new CommandError(`${person.name} was not added: no photo can be used. ${adviceOn(ended)}`);
};

const idsOf = (photos: readonly WaitingPhoto[]) => photos.map(({ id }) => id);

/** Waits. If that is interrupted, as by Ctrl-C when no worker runs, the person is taken back. */
const orTakenBack = async (
  io: Io,
  database: Database,
  added: Added,
  end: Promise<EndedEnrolment[]>,
): Promise<EndedEnrolment[]> => {
  const interrupted = Promise.withResolvers<never>();
  io.onSignal(() => interrupted.reject(new CommandError('Interrupted.')));
  try {
    return await Promise.race([end, interrupted.promise]);
  } catch (error) {
    end.catch(() => {});
    const gone = await takeBackPerson(database.db, added.person.id, idsOf(added.waiting));
    if (!(error instanceof CommandError)) throw error;
    throw new CommandError(
      `Interrupted: ${added.person.name} was ${gone ? 'not added' : 'added all the same'}.`,
    );
  }
};
