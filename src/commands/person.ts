import {
  addPerson,
  addPersonPhoto,
  findPersons,
  readPerson,
  removePerson,
  setPerson,
} from '../watchlist/registry.ts';
import {
  personAcceptPhoto,
  personCorrectPhoto,
  personEnrolFace,
  personRemovePhoto,
} from './person-photos.ts';
import { connect } from './program/connect.ts';
import { findOnePerson, personArgument } from './program/find-person.ts';
import { print, printJson } from './program/io.ts';
import { face, gateCodes, metadata, named, several, token } from './program/options.ts';
import type { AddCommand, Context } from './program/session.ts';
import { table } from './program/table.ts';
import { readGivenPhoto, untilEnded, warnWithoutWorker } from './submit.ts';

/** person: who is looked for. */
export const personCommand: AddCommand = (program, session) => {
  const person = program.command('person').description('People');
  for (const add of [
    personAdd,
    personList,
    personShow,
    personSet,
    personRemove,
    personEnrolFace,
    personRemovePhoto,
    personCorrectPhoto,
    personAcceptPhoto,
  ])
    add(person, session);
};

interface AddOptions {
  readonly photo: string[];
  readonly face?: number;
  readonly accept: string[];
  readonly watchlist: string[];
  readonly ref?: string;
  readonly metadata?: Record<string, unknown>;
  readonly wait: boolean;
}

const personAdd: AddCommand = (person, session) =>
  person
    .command('add')
    .description('Add a person and enrol photos of them')
    .argument('<name>', '', named)
    .option('--photo <file>', 'a photo of them; may be repeated', several, [])
    .option('--face <number>', 'which face of the photo, counted from 1, left to right', face)
    .option(
      '--accept <code>',
      'accept the photo although the gate refuses it with this code, like face_unlike; may be repeated',
      gateCodes,
      [],
    )
    .option('--watchlist <name>', 'put them on this list; may be repeated', several, [])
    .option('--ref <key>', 'their key in another system', token)
    .option('--metadata <json>', 'more about them, as a JSON object', metadata)
    .option('--no-wait', 'do not wait for the enrolment')
    .action(session.action(addWithPhotos));

/** False unless every photo was enrolled, or is not waited for. */
const addWithPhotos = async (context: Context, name: string, options: AddOptions): Promise<boolean> => {
  const { io, config } = context;
  const database = await connect(context);
  // All files are read before anything is written.
  const photos = [];
  for (const file of options.photo)
    photos.push({ file, bytes: await readGivenPhoto(file, config.maxPixels) });

  const added = await addPerson(database.db, {
    name,
    external_ref: options.ref,
    metadata: options.metadata,
    watchlists: options.watchlist,
  });
  print(io, `${added.name}  ${added.id}`);
  const submitted = [];
  for (const { file, bytes } of photos) {
    const { image_id } = await addPersonPhoto(database, {
      personId: added.id,
      bytes,
      chosenFace: options.face,
      accept: options.accept,
    });
    submitted.push({ file, imageId: image_id });
  }
  if (!options.wait || submitted.length === 0) return true;
  await warnWithoutWorker(io, database);

  let good = true;
  for (const { file, imageId } of submitted) {
    const ended = await untilEnded(database, imageId);
    good &&= ended.state === 'done';
    print(io, ended.state === 'done' ? `  ${file}  enrolled` : `  ${file}  refused: ${ended.message}`);
  }
  return good;
};

/** People that are read at a time. */
const pageSize = 1000;

const personList: AddCommand = (person, session) =>
  person
    .command('list')
    .description('People, in the order in which they were added')
    .option('--name <beginning>', 'whose name begins like this')
    .option('--watchlist <name>', 'who are on this list')
    .option('--json', 'print JSON lines')
    .action(
      session.action(
        async (
          context,
          { json, ...filter }: { name?: string; watchlist?: string; json?: boolean },
        ): Promise<void> => {
          const { db } = await connect(context);
          let after: string | undefined;
          let people: Awaited<ReturnType<typeof findPersons>>;
          do {
            people = await findPersons(db, { ...filter, after, limit: pageSize });
            for (const one of people) {
              const lists = one.watchlists.map((list) => list.name).join(', ');
              const parts = [one.name, one.id, one.external_ref, `photos=${one.references}`, lists];
              print(context.io, json ? JSON.stringify(one) : parts.filter(Boolean).join('  '));
            }
            after = people.at(-1)?.id;
          } while (people.length === pageSize);
        },
      ),
    );

const personShow: AddCommand = (person, session) =>
  person
    .command('show')
    .description('A person and the state of each photo')
    .argument('<person>', personArgument)
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, wanted: string, options: { json?: boolean }) => {
        const { db } = await connect(context);
        const found = await readPerson(db, (await findOnePerson(db, wanted)).id);
        if (options.json) return printJson(context.io, found);
        const lists = found.watchlists.map((list) => list.name).join(', ') || 'no list';
        print(context.io, `${found.name}  ${found.id}  ${lists}`);
        const rows = found.photos.map((photo) => ({
          photo: photo.id,
          state: photo.best ? `${photo.state}, best` : photo.state,
          code: photo.code,
          height: photo.quality?.height_px,
          sharpness: photo.quality?.sharpness,
          yaw: photo.quality?.yaw,
          norm: photo.quality?.norm,
        }));
        if (rows.length > 0) print(context.io, table(rows));
      }),
    );

interface SetOptions {
  readonly name?: string;
  readonly ref?: string;
  readonly metadata?: Record<string, unknown>;
}

const personSet: AddCommand = (person, session) =>
  person
    .command('set')
    .description('Change the name, key or metadata of a person')
    .argument('<person>', personArgument)
    .option('--name <name>', 'another name', named)
    .option('--ref <key>', 'their key in another system', token)
    .option('--metadata <json>', 'a JSON object that replaces what is there', metadata)
    .action(
      session.action(async (context, wanted: string, options: SetOptions) => {
        const { db } = await connect(context);
        const { id } = await findOnePerson(db, wanted);
        const changed = await setPerson(db, id, {
          name: options.name,
          external_ref: options.ref,
          metadata: options.metadata,
        });
        print(context.io, `${changed.name}  ${changed.id}`);
      }),
    );

const personRemove: AddCommand = (person, session) =>
  person
    .command('remove')
    .description('Forget a person, with the photos that were to enrol them and every sighting')
    .argument('<person>', personArgument)
    .action(
      session.action(async (context, wanted: string) => {
        const { db } = await connect(context);
        const found = await findOnePerson(db, wanted);
        await removePerson(db, found.id);
        print(context.io, `${found.name} is forgotten`);
      }),
    );
