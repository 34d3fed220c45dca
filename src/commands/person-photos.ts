import { CommandError } from '../errors.ts';
import {
  acceptPhoto,
  addPersonPhoto,
  correctPhoto,
  enrolFace,
  readPerson,
  removePhoto,
} from '../watchlist/registry.ts';
import { printEnded, readGivenPhotos, untilAllEnded, type WaitingPhoto } from './enrol-photos.ts';
import { connect } from './program/connect.ts';
import { forEach } from './program/each.ts';
import { findOnePerson, personArgument } from './program/find-person.ts';
import { print } from './program/io.ts';
import { face, gateCodes, identifier, identifiers, tokenOption, words } from './program/options.ts';
import type { AddCommand, Context } from './program/session.ts';

/** person photo, and enrol-face: the photos of people. */
export const personPhoto: AddCommand = (person, session) => {
  const photo = person.command('photo').description('Photos that enrol a person');
  for (const add of [photoAdd, photoRemove, photoCorrect, photoAccept]) add(photo, session);
};

interface AddOptions {
  readonly face?: number;
  readonly accept: string[];
  readonly replace?: string;
  readonly wait: boolean;
}

const photoAdd: AddCommand = (photo, session) =>
  photo
    .command('add')
    .description('Enrol more photos of a person')
    .argument('<person>', personArgument, tokenOption)
    .argument('<photo...>', 'files')
    .option('--face <number>', 'which face of the photo, counted from 1, left to right', face)
    .option(
      '--accept <code>',
      'accept the photo although the gate refuses it with this code; may be repeated',
      gateCodes,
      [],
    )
    .option('--replace <photo>', 'remove this photo of theirs once a new one is enrolled', identifier)
    .option('--no-wait', 'do not wait for the enrolment')
    .action(session.action(addPhotos));

/** Returns whether every file was enrolled, or is not waited for. */
const addPhotos = async (
  context: Context,
  wanted: string,
  files: readonly string[],
  options: AddOptions,
): Promise<boolean> => {
  const { io, config } = context;
  const database = await connect(context);
  const { id: personId, name } = await findOnePerson(database.db, wanted);
  const { replace } = options;
  if (replace !== undefined) {
    if (!options.wait) throw new CommandError('--replace waits for the enrolment: leave out --no-wait.');
    const { photos } = await readPerson(database.db, personId);
    if (!photos.some((one) => one.id === replace && one.removed_at === null))
      throw new CommandError(`${name} has no photo ${replace}; "person show" lists them.`);
  }

  const given = await readGivenPhotos(io, files, config.maxPixels);
  const waiting: WaitingPhoto[] = [];
  for (const { file, bytes } of given) {
    const { person_photo_id: id } = await addPersonPhoto(database, {
      personId,
      bytes,
      chosenFace: options.face,
      accept: options.accept,
    });
    waiting.push({ file, id });
  }
  const readAll = given.length === files.length;
  print(io, `${name}  ${personId}`, { person: name, id: personId });
  if (!options.wait) return printEnded(io, waiting, [], { ids: true }) && readAll;

  const ended = await untilAllEnded(io, database, waiting);
  const good = printEnded(io, waiting, ended, { ids: true });
  if (replace !== undefined && ended.some(({ state }) => state === 'enrolled')) {
    await removePhoto(database.db, replace, 'replaced by another photo');
    print(io, `  ${replace}  removed`, { photo: replace, state: 'removed' });
  }
  return good && readAll;
};

export const personEnrolFace: AddCommand = (person, session) =>
  person
    .command('enrol-face')
    .description('Enrol a face that was found in any photo as a photo of a person')
    .argument('<person>', personArgument, tokenOption)
    .argument('<face>', "the face's id", identifier)
    .option(
      '--accept <code>',
      'accept the face although the gate refuses it with this code; may be repeated',
      gateCodes,
      [],
    )
    .action(
      session.action(async (context, wanted: string, faceId: string, options: { accept: string[] }) => {
        const { db } = await connect(context);
        const { id } = await findOnePerson(db, wanted);
        const photo = await enrolFace(db, id, faceId, options.accept);
        print(context.io, photo, { photo });
      }),
    );

const photoRemove: AddCommand = (photo, session) =>
  photo
    .command('remove')
    .description('Remove photos, with the matches that depend on them')
    .argument('<photo...>', 'their ids, as "person show" prints them', identifiers)
    .option('--reason <words>', 'why', words)
    .action(
      session.action(async (context, photos: string[], options: { reason?: string }) => {
        const { db } = await connect(context);
        return forEach(context.io, photos, async (id) => {
          const removed = await removePhoto(db, id, options.reason ?? null);
          print(context.io, removed ? `${id} is removed` : `${id} was removed before`, {
            photo: id,
            removed,
          });
        });
      }),
    );

const photoCorrect: AddCommand = (photo, session) =>
  photo
    .command('correct')
    .description('Remove a photo and enrol another face of it instead')
    .argument('<photo>', 'its id', identifier)
    .requiredOption('--face <number>', 'the right face, counted from 1, left to right', face)
    .option('--reason <words>', 'why', words)
    .action(
      session.action(async (context, id: string, options: { face: number; reason?: string }) => {
        const { db } = await connect(context);
        const photo = await correctPhoto(db, id, options.face, options.reason);
        print(context.io, photo, { photo });
      }),
    );

const photoAccept: AddCommand = (photo, session) =>
  photo
    .command('accept')
    .description('Enrol a photo that the gate has refused')
    .argument('<photo>', 'its id', identifier)
    .argument('<code...>', 'the codes to accept, like face_unlike', gateCodes, [])
    .action(
      session.action(async (context, id: string, codes: string[]) => {
        const { db } = await connect(context);
        await acceptPhoto(db, id, codes);
        print(context.io, `${id} is back at the gate`, { photo: id });
      }),
    );
