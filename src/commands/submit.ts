import { basename } from 'node:path';
import { toWatchpostError } from '../convert-error.ts';
import { CommandError } from '../errors.ts';
import { whyUnusableFile } from '../file-errors.ts';
import { type Found, filesMeant, readPhotoFile } from '../intake/index.ts';
import { formatNames } from '../vision/format.ts';
import { apiOption } from './program/api.ts';
import { reasonOf } from './program/each.ts';
import { print } from './program/io.ts';
import { searched, time } from './program/options.ts';
import type { AddCommand, Context } from './program/session.ts';
import { byApi, byDatabase, type Way } from './submit-ways.ts';

interface SubmitOptions {
  readonly api?: string;
  readonly camera?: string;
  readonly capturedAt?: string;
  readonly wait?: boolean;
  readonly json?: boolean;
}

/** submit: photos to be searched. */
export const submitCommand: AddCommand = (program, session) =>
  program
    .command('submit')
    .description('Submit photos')
    .argument(
      '<photo...>',
      `${formatNames} files, folders with photos in them, or patterns like "frames/*.jpg"`,
    )
    .option('--camera <name>', 'the camera that took them', searched)
    .option('--captured-at <time>', 'when they were taken, like 2026-11-23T15:04:05Z (default: now)', time)
    .option('--wait', 'wait until they are processed and print the results')
    .addOption(apiOption)
    .option('--json', 'print JSON lines')
    .addHelpText(
      'after',
      `
  A file that cannot be submitted is named with the reason, the others are submitted, and the exit code is 1.`,
    )
    .action(session.action(submitFiles));

/** A photo that was submitted. */
interface Submitted {
  readonly file: string;
  readonly id: string;
}

/**
 * Prints a line for each photo with its id; with --wait, also its result and whom it shows.
 *
 * @returns whether every file was submitted, and with --wait also whether no photo failed.
 * @throws before anything is submitted, if the camera is unknown.
 */
const submitFiles = async (
  context: Context,
  given: readonly string[],
  options: SubmitOptions,
): Promise<boolean> => {
  const { io } = context;
  const way =
    options.api === undefined ? await byDatabase(context, options) : byApi(context, options.api, options);
  const submitted: Submitted[] = [];
  let refused = 0;
  for await (const one of submitEach(context, way, given)) {
    if ('id' in one) {
      submitted.push(one);
      if (!options.wait) print(io, lineOf(one, options.json));
    } else {
      refused += 1;
      if (options.json) print(io, JSON.stringify(one));
      else io.stderr.write(`${one.message}\n`);
    }
  }
  if (refused > 0 && submitted.length + refused > 1)
    io.stderr.write(`${submitted.length} of ${submitted.length + refused} photos were submitted.\n`);
  if (!options.wait || submitted.length === 0) return refused === 0;
  await way.prepareToWait();

  let good = refused === 0;
  for (const photo of submitted) {
    const { found, ...ended } = await way.untilEnded(photo.id);
    good &&= ended.state === 'done';
    print(io, lineOf({ ...photo, ...ended, ...(options.json ? { found } : {}) }, options.json));
    if (!options.json) for (const one of found) print(io, foundLine(one));
  }
  return good;
};

const foundLine = ({ person, watchlist, similarity, alert_id }: Found): string =>
  `  ${person}  list ${watchlist}  similarity ${similarity.toFixed(3)}  ${alert_id ? `alert ${alert_id}` : 'no alert'}`;
/** Submits one file after the other, so that many take no more memory than one. */
async function* submitEach(
  { config }: Context,
  way: Way,
  given: readonly string[],
): AsyncGenerator<Submitted | { file: string; state: 'refused'; code: string; message: string }> {
  for (const path of given) {
    const files = await filesMeant(path).catch((error) => [{ path, error }]);
    for (const file of files) {
      try {
        if (typeof file !== 'string') throw unreadable(file.path, file.error);
        const bytes = await readGivenPhoto(file, config.maxPixels);
        yield { file: basename(file), id: (await way.submit(bytes, basename(file))).id };
      } catch (error) {
        const [name, reason] = [typeof file === 'string' ? file : path, reasonOf(error)];
        const message = error instanceof CommandError ? reason : `${name}: ${reason}`;
        yield { file: name, state: 'refused', code: codeOf(error), message };
      }
    }
  }
}

const lineOf = (row: object, json = false): string =>
  json
    ? JSON.stringify(row)
    : Object.entries(row)
        .flatMap(([key, value]) => {
          if (value === null || value === false) return [];
          return ['file', 'id', 'state', 'message'].includes(key) ? [value] : [`${key}=${value}`];
        })
        .join('  ');

/** The bytes of a photo that was named on the command line. */
export const readGivenPhoto = (file: string, maxPixels: number): Promise<Buffer> =>
  readPhotoFile(file, { maxPixels }).catch((error) => {
    throw unreadable(file, error);
  });

const unreadable = (file: string, error: Error): CommandError => {
  const why = whyUnusableFile(error);
  return new CommandError(why ? `${file} cannot be read: ${why}.` : `${file}: ${error.message}`, {
    cause: error,
  });
};

/** The stable code of the error of a file. */
export const codeOf = (error: unknown): string => {
  const { cause } = error as CommandError;
  return cause instanceof Error && 'syscall' in cause
    ? 'file_unreadable'
    : toWatchpostError(cause ?? error).code;
};
