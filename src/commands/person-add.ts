import { untilEnded } from '../intake/index.ts';
import { addPerson, addPersonPhoto } from '../watchlist/registry.ts';
import { printDuplicates } from './person-merge.ts';
import { connect } from './program/connect.ts';
import { print } from './program/io.ts';
import { face, gateCodes, metadataOption, named, several, tokenOption } from './program/options.ts';
import type { AddCommand, Context } from './program/session.ts';
import { readGivenPhoto, warnWithoutWorker } from './submit.ts';

interface AddOptions {
  readonly photo: string[];
  readonly face?: number;
  readonly accept: string[];
  readonly watchlist: string[];
  readonly ref?: string;
  readonly metadata?: Record<string, unknown>;
  readonly wait: boolean;
}

export const personAdd: AddCommand = (person, session) =>
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
    .option('--ref <key>', 'their key in another system', tokenOption)
    .option('--metadata <json>', 'more about them, as a JSON object', metadataOption)
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
  await printDuplicates(io, database.db, added.id);
  return good;
};
