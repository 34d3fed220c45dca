import { basename } from 'node:path';
import type { Database } from '../database/pool.ts';
import { CommandError } from '../errors.ts';
import { readPhotoFile, submitPhoto, untilEnded } from '../intake/index.ts';

/** The bytes of a photo that was named on the command line. */
export const readPhoto = (file: string, maxPixels: number): Promise<Buffer> =>
  readPhotoFile(file, { maxPixels }).catch((error) => {
    throw new CommandError(
      'syscall' in error ? `${file} can not be read: ${error.message}` : `${file}: ${error.message}`,
    );
  });

/** Tells a person who is about to wait if nobody is there to do the work. */
export const warnWithoutWorker = async (database: Database): Promise<void> => {
  const { rows } = await database.pool.query(
    `select from watchpost.worker
     where concurrency > 0 and stopped_at is null and last_seen > clock_timestamp() - interval '30 seconds'
     limit 1`,
  );
  if (rows.length === 0)
    console.error('No worker is running, so this waits until there is one: npm run worker');
};

/**
 * `watchpost submit`: one line for each photo with its id; with `wait`, also what became of it.
 *
 * @returns whether every photo was submitted and, with `wait`, none failed.
 */
export const submit = async (
  database: Database,
  files: readonly string[],
  options: { camera?: string; capturedAt?: string; wait?: boolean; json?: boolean; maxPixels: number },
): Promise<boolean> => {
  // All files are read before the first is submitted: a wrong name leaves nothing half done.
  const photos = [];
  for (const file of files) photos.push({ file, bytes: await readPhoto(file, options.maxPixels) });

  const submitted = [];
  for (const { file, bytes } of photos) {
    const id = await submitPhoto(database, { bytes, camera: options.camera, capturedAt: options.capturedAt });
    submitted.push({ file: basename(file), id });
    if (!options.wait) print(submitted.at(-1) as object, options.json);
  }
  if (!options.wait) return true;
  await warnWithoutWorker(database);

  let good = true;
  for (const photo of submitted) {
    const ended = await untilEnded(database, photo.id);
    good &&= ended.state === 'done';
    print({ ...photo, ...ended }, options.json);
  }
  return good;
};

const print = (row: object, json = false): void => {
  const words = Object.entries(row).flatMap(([key, value]) =>
    value === null ? [] : ['file', 'id', 'state', 'message'].includes(key) ? [value] : [`${key}=${value}`],
  );
  process.stdout.write(json ? `${JSON.stringify(row)}\n` : `${words.join('  ')}\n`);
};
