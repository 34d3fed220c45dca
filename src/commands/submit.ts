import { basename } from 'node:path';
import type { Database } from '../database/pool.ts';
import { CommandError } from '../errors.ts';
import { readPhotoFile, submitPhoto, untilEnded } from '../intake/index.ts';
import { formatNames } from '../vision/format.ts';
import { connect } from './program/connect.ts';
import { type Io, print } from './program/io.ts';
import { time } from './program/options.ts';
import type { AddCommand, Context } from './program/session.ts';

interface SubmitOptions {
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
    .argument('<photo...>', `${formatNames} files`)
    .option('--camera <name>', 'the camera that took them')
    .option('--captured-at <time>', 'when they were taken, like 2026-11-23T15:04:05Z (default: now)', time)
    .option('--wait', 'wait until they are processed and print the results')
    .option('--json', 'print JSON lines')
    .action(session.action(submitFiles));

/**
 * Prints a line for each photo with its id; with --wait, also its result.
 *
 * @returns with --wait, whether no photo failed.
 */
const submitFiles = async (
  context: Context,
  files: readonly string[],
  options: SubmitOptions,
): Promise<boolean> => {
  const { io, config } = context;
  const database = await connect(context);
  // All files are read before the first is submitted: a wrong name leaves nothing half done.
  const photos = [];
  for (const file of files) photos.push({ file, bytes: await readGivenPhoto(file, config.maxPixels) });

  const submitted = [];
  for (const { file, bytes } of photos) {
    const { camera, capturedAt } = options;
    const photo = { file: basename(file), id: await submitPhoto(database, { bytes, camera, capturedAt }) };
    submitted.push(photo);
    if (!options.wait) print(io, lineOf(photo, options.json));
  }
  if (!options.wait) return true;
  await warnWithoutWorker(io, database);

  let good = true;
  for (const photo of submitted) {
    const ended = await untilEnded(database, photo.id);
    good &&= ended.state === 'done';
    print(io, lineOf({ ...photo, ...ended }, options.json));
  }
  return good;
};

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
    throw new CommandError(
      'syscall' in error ? `${file} cannot be read: ${error.message}` : `${file}: ${error.message}`,
    );
  });

/** Warns, before a wait, if no worker is there to process anything. */
export const warnWithoutWorker = async (io: Io, database: Database): Promise<void> => {
  const { rows } = await database.pool.query(
    `select from watchpost.worker
     where concurrency > 0 and stopped_at is null and last_seen > clock_timestamp() - interval '30 seconds'
     limit 1`,
  );
  if (rows.length === 0)
    io.stderr.write('No worker is running, so this waits until there is one: npm run worker\n');
};
