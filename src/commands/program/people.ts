import { type Command, Option } from 'commander';
import { faceRanges } from '../../vision/types.ts';
import {
  acceptPhoto,
  addCamera,
  correctPhoto,
  enrolFace,
  findPersons,
  readPerson,
  removePerson,
  removePhoto,
  setPerson,
} from '../../watchlist/registry.ts';
import { connect } from '../connect.ts';
import { addPersonWithPhotos, findOnePerson } from '../person.ts';
import { table } from '../sql.ts';
import { once, stopper } from './context.ts';
import { face, gateCodes, metadata, named, several, token, words } from './options.ts';

const who = 'id, external reference, or a name that only one person has';

/** camera, person: who is looked for, and where. */
export const addPeople = (program: Command): void => {
  program
    .command('camera')
    .description('Cameras')
    .command('add')
    .description('Add a camera')
    .argument('<name>', '', named)
    .requiredOption('--location <words>', 'where it stands', named)
    .option('--zone <name>', 'cameras of one zone share their alerts', named)
    .addOption(
      new Option(
        '--faces <range>',
        'how small faces are in its pictures: near (a door), automatic (looks closer where there are small ones), far (a square)',
      ).choices(faceRanges),
    )
    .action(
      once(async ({ config, log }, name: string, options: Omit<Parameters<typeof addCamera>[1], 'name'>) => {
        const database = await connect(config, log, stopper);
        const camera = await addCamera(database.db, { name, ...options });
        process.stdout.write(`${camera.name}  ${camera.id}\n`);
        return true;
      }),
    );

  const person = program.command('person').description('People');
  addPersons(person);
  addPersonPhotos(person);
};

const addPersons = (person: Command): void => {
  person
    .command('add')
    .description('Add a person and enrol photos of them')
    .argument('<name>', '', named)
    .option('--photo <file>', 'a photo of them; may be repeated', several, [])
    .option('--face <number>', 'which face of the photo, counted from 1, left to right', face)
    .option(
      '--accept <code>',
      'a code of the gate that is let pass, like face_unlike; may be repeated',
      gateCodes,
      [],
    )
    .option('--watchlist <name>', 'put them on this list; may be repeated', several, [])
    .option('--ref <key>', 'their key in another system', token)
    .option('--metadata <json>', 'more about them, as a JSON object', metadata)
    .option('--no-wait', 'do not wait for the enrolment')
    .action(
      once(
        async (
          { config, log },
          name: string,
          options: {
            photo: string[];
            face?: number;
            accept: string[];
            watchlist: string[];
            ref?: string;
            metadata?: Record<string, unknown>;
            wait: boolean;
          },
        ) =>
          addPersonWithPhotos(await connect(config, log, stopper), {
            name,
            ...options,
            maxPixels: config.maxPixels,
          }),
      ),
    );

  person
    .command('list')
    .description('People, in the order in which they were made')
    .option('--name <beginning>', 'whose name begins like this')
    .option('--watchlist <name>', 'who are on this list')
    .option('--json', 'print JSON')
    .action(
      once(
        async (
          { config, log },
          { json, ...filter }: { name?: string; watchlist?: string; json?: boolean },
        ) => {
          const database = await connect(config, log, stopper);
          for (let after: string | undefined; ; ) {
            const people = await findPersons(database.db, { ...filter, after, limit: 1000 });
            for (const one of people) {
              const lists = one.watchlists.map((list) => list.name).join(', ');
              process.stdout.write(
                json
                  ? `${JSON.stringify(one)}\n`
                  : `${[one.name, one.id, one.external_ref, `photos=${one.references}`, lists].filter(Boolean).join('  ')}\n`,
              );
            }
            after = people.at(-1)?.id;
            if (people.length < 1000) return true;
          }
        },
      ),
    );

  person
    .command('show')
    .description('A person and what became of each photo')
    .argument('<person>', who)
    .option('--json', 'print JSON')
    .action(
      once(async ({ config, log }, wanted: string, options: { json?: boolean }) => {
        const database = await connect(config, log, stopper);
        const found = await readPerson(database.db, (await findOnePerson(database.db, wanted)).id);
        if (options.json) {
          process.stdout.write(`${JSON.stringify(found)}\n`);
          return true;
        }
        const lists = found.watchlists.map((list) => list.name).join(', ') || 'no list';
        process.stdout.write(`${found.name}  ${found.id}  ${lists}\n`);
        const rows = found.photos.map((photo) => ({
          photo: photo.id,
          state: photo.best ? `${photo.state}, best` : photo.state,
          code: photo.code,
          height: photo.quality?.height_px,
          sharpness: photo.quality?.sharpness,
          yaw: photo.quality?.yaw,
          norm: photo.quality?.norm,
        }));
        if (rows.length > 0) process.stdout.write(`${table(rows)}\n`);
        return true;
      }),
    );

  person
    .command('set')
    .description('Change what is known of a person')
    .argument('<person>', who)
    .option('--name <name>', 'another name', named)
    .option('--ref <key>', 'their key in another system', token)
    .option('--metadata <json>', 'in place of what is there, a JSON object', metadata)
    .action(
      once(
        async (
          { config, log },
          wanted: string,
          options: { name?: string; ref?: string; metadata?: Record<string, unknown> },
        ) => {
          const database = await connect(config, log, stopper);
          const { id } = await findOnePerson(database.db, wanted);
          const changed = await setPerson(database.db, id, {
            name: options.name,
            external_ref: options.ref,
            metadata: options.metadata,
          });
          process.stdout.write(`${changed.name}  ${changed.id}\n`);
          return true;
        },
      ),
    );

  person
    .command('remove')
    .description('Forget a person, with the photos handed in for them and every sighting')
    .argument('<person>', who)
    .action(
      once(async ({ config, log }, wanted: string) => {
        const database = await connect(config, log, stopper);
        const found = await findOnePerson(database.db, wanted);
        await removePerson(database.db, found.id);
        process.stdout.write(`${found.name} is forgotten\n`);
        return true;
      }),
    );
};

const addPersonPhotos = (person: Command): void => {
  person
    .command('enrol-face')
    .description('Make a face that was found in any photo a photo of a person')
    .argument('<person>', who)
    .argument('<face>', "the face's id")
    .option('--accept <code>', 'a code of the gate that is let pass; may be repeated', gateCodes, [])
    .action(
      once(async ({ config, log }, wanted: string, face: string, options: { accept: string[] }) => {
        const database = await connect(config, log, stopper);
        const { id } = await findOnePerson(database.db, wanted);
        process.stdout.write(`${await enrolFace(database.db, id, face, options.accept)}\n`);
        return true;
      }),
    );

  person
    .command('remove-photo')
    .description('Take a photo back, with the matches that rested on it')
    .argument('<photo>', 'its id; "person show" tells it')
    .option('--reason <words>', 'why', words)
    .action(
      once(async ({ config, log }, photo: string, options: { reason?: string }) => {
        const database = await connect(config, log, stopper);
        const removed = await removePhoto(database.db, photo, options.reason ?? null);
        process.stdout.write(removed ? `${photo} is taken back\n` : `${photo} was taken back before\n`);
        return true;
      }),
    );

  person
    .command('correct-photo')
    .description('Take a photo back and enrol another face of it instead')
    .argument('<photo>', 'its id')
    .requiredOption('--face <number>', 'the face that is meant, counted from 1, left to right', face)
    .option('--reason <words>', 'why', words)
    .action(
      once(async ({ config, log }, photo: string, options: { face: number; reason?: string }) => {
        const database = await connect(config, log, stopper);
        process.stdout.write(`${await correctPhoto(database.db, photo, options.face, options.reason)}\n`);
        return true;
      }),
    );

  person
    .command('accept-photo')
    .description('Let a photo that was refused pass the gate')
    .argument('<photo>', 'its id')
    .argument('<code...>', 'the codes that are let pass, like face_unlike')
    .action(
      once(async ({ config, log }, photo: string, codes: string[]) => {
        const database = await connect(config, log, stopper);
        await acceptPhoto(
          database.db,
          photo,
          codes.reduce((before: string[], code) => gateCodes(code, before), []),
        );
        process.stdout.write(`${photo} is back at the gate\n`);
        return true;
      }),
    );
};
