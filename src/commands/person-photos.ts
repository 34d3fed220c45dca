import { acceptPhoto, correctPhoto, enrolFace, removePhoto } from '../watchlist/registry.ts';
import { connect } from './program/connect.ts';
import { findOnePerson, personArgument } from './program/find-person.ts';
import { print } from './program/io.ts';
import { face, gateCodes, words } from './program/options.ts';
import type { AddCommand } from './program/session.ts';

/** The commands of `person` that act on one photo. */

export const personEnrolFace: AddCommand = (person, session) =>
  person
    .command('enrol-face')
    .description('Enrol a face that was found in any photo as a photo of a person')
    .argument('<person>', personArgument)
    .argument('<face>', "the face's id")
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
        print(context.io, await enrolFace(db, id, faceId, options.accept));
      }),
    );

export const personRemovePhoto: AddCommand = (person, session) =>
  person
    .command('remove-photo')
    .description('Remove a photo, with the matches that depend on it')
    .argument('<photo>', 'its id, as "person show" prints it')
    .option('--reason <words>', 'why', words)
    .action(
      session.action(async (context, photo: string, options: { reason?: string }) => {
        const { db } = await connect(context);
        const removed = await removePhoto(db, photo, options.reason ?? null);
        print(context.io, removed ? `${photo} is removed` : `${photo} was removed before`);
      }),
    );

export const personCorrectPhoto: AddCommand = (person, session) =>
  person
    .command('correct-photo')
    .description('Remove a photo and enrol another face of it instead')
    .argument('<photo>', 'its id')
    .requiredOption('--face <number>', 'the right face, counted from 1, left to right', face)
    .option('--reason <words>', 'why', words)
    .action(
      session.action(async (context, photo: string, options: { face: number; reason?: string }) => {
        const { db } = await connect(context);
        print(context.io, await correctPhoto(db, photo, options.face, options.reason));
      }),
    );

export const personAcceptPhoto: AddCommand = (person, session) =>
  person
    .command('accept-photo')
    .description('Enrol a photo that the gate has refused')
    .argument('<photo>', 'its id')
    .argument('<code...>', 'the codes to accept, like face_unlike', gateCodes, [])
    .action(
      session.action(async (context, photo: string, codes: string[]) => {
        const { db } = await connect(context);
        await acceptPhoto(db, photo, codes);
        print(context.io, `${photo} is back at the gate`);
      }),
    );
