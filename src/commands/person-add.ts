import type { Kysely } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import type { EndedEnrolment } from '../intake/index.ts';
import { legalBasisNames } from '../legal-bases.ts';
import { acceptable } from '../watchlist/enrolment.ts';
import { addPerson, addPersonPhoto } from '../watchlist/registry.ts';
import { enrolledOrTakenBack, type GivenPhoto, readGivenPhotos, type WaitingPhoto } from './enrol-photos.ts';
import { connect } from './program/connect.ts';
import { print } from './program/io.ts';
import {
  basisOption,
  face,
  gateCodes,
  metadataOption,
  momentOption,
  named,
  several,
  severalSearched,
  tokenOption,
} from './program/options.ts';
import type { AddCommand, Context } from './program/session.ts';

interface AddOptions {
  readonly photo: string[];
  readonly face?: number;
  readonly accept: string[];
  readonly watchlist: string[];
  readonly ref?: string;
  readonly metadata?: Record<string, unknown>;
  readonly legalBasis?: string;
  readonly keepUntil?: string;
  readonly wait: boolean;
}

export const personAdd: AddCommand = (person, session) =>
  person
    .command('add')
    .description('Add a person and enrol photos of them; without a photo that can be used, nobody is added')
    .argument('<name>', '', named)
    .option('--photo <file>', 'a photo of them; may be repeated', several, [])
    .option('--face <number>', 'which face of the photo, counted from 1, left to right', face)
    .option(
      '--accept <code>',
      'accept the photo although the gate refuses it with this code, like face_unlike; may be repeated',
      gateCodes,
      [],
    )
    .option('--watchlist <name>', 'put them on this list; may be repeated', severalSearched, [])
    .option('--ref <key>', 'their key in another system', tokenOption)
    .option('--metadata <json>', 'more about them, as a JSON object', metadataOption)
    .option('--legal-basis <word>', `what allows it: ${legalBasisNames.join(', ')}`, basisOption)
    .option('--keep-until <time>', 'delete them then, like 2027-11-23T00:00:00Z', momentOption)
    .option('--no-wait', 'do not wait for the enrolment: they stay, even if every photo is refused')
    .action(session.action(addWithPhotos));

/**
 * Adds the person with all photos in one transaction, and takes them back if the workers refuse every photo. What a
 * worker decides, on whatever machine, is what counts, so nothing is decided here.
 *
 * @returns whether every photo was enrolled, or is not waited for.
 */
const addWithPhotos = async (context: Context, name: string, options: AddOptions): Promise<boolean> => {
  const { io, config } = context;
  const database = await connect(context);
  const photos = await readGivenPhotos(io, options.photo, config.maxPixels);
  const readAll = photos.length === options.photo.length;
  const { person, waiting } = await database.db
    .transaction()
    .execute((trx) => writePerson(trx, name, photos, options));
  if (!options.wait || waiting.length === 0) {
    print(io, `${person.name}  ${person.id}`, person);
    return readAll;
  }

  const enrolled = await enrolledOrTakenBack(io, database, { person, waiting }, adviceOn);
  return enrolled && readAll;
};

/** What to do about photos that were refused, by their codes. */
const adviceOn = (ended: readonly EndedEnrolment[]): string => {
  const codes = new Set(ended.map(({ code }) => code));
  return [
    codes.has('faces_several') || codes.has('face_not_there') ? 'Choose a face with --face.' : '',
    codes.has('face_of_another') ? 'If it is the same person, use "person photo add".' : '',
    acceptable.some((code) => codes.has(code))
      ? 'Give a better photo, or --accept its code after checking it.'
      : 'Give another photo.',
  ]
    .filter(Boolean)
    .join(' ');
};

const writePerson = async (
  trx: Kysely<DB>,
  name: string,
  photos: readonly GivenPhoto[],
  options: AddOptions,
) => {
  const person = await addPerson(trx, {
    name,
    external_ref: options.ref,
    metadata: options.metadata,
    legal_basis: options.legalBasis,
    keep_until: options.keepUntil,
    watchlists: options.watchlist,
  });
  const waiting: WaitingPhoto[] = [];
  for (const { file, bytes } of photos) {
    const { person_photo_id: id } = await addPersonPhoto(
      { db: trx },
      { personId: person.id, bytes, chosenFace: options.face, accept: options.accept },
    );
    waiting.push({ file, id });
  }
  return { person, waiting };
};
