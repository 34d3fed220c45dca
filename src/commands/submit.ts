import { basename } from 'node:path';
import type { Database } from '../database/pool.ts';
import { CommandError, WatchpostError } from '../errors.ts';
import { readPhotoFile } from '../intake/photo-file.ts';

/** The bytes of a photo that was named on the command line. */
export const readPhoto = (file: string, maxPixels: number): Promise<Buffer> =>
  readPhotoFile(file, { maxPixels }).catch((error) => {
    throw new CommandError(
      'syscall' in error ? `${file} can not be read: ${error.message}` : `${file}: ${error.message}`,
    );
  });

/** How a photo ended. */
interface Ended {
  readonly state: string;
  readonly code: string | null;
  readonly message: string | null;
  readonly faces: number;
  readonly matches: number;
  readonly alerts: number;
}

/** Resolves when a photo is done or failed. */
export const untilEnded = async (database: Database, imageId: string): Promise<Ended> => {
  for (let pause = 10; ; pause = Math.min(pause * 1.5, 250)) {
    const { rows } = await database.pool.query<Ended>(
      'select state, code, message, faces, matches, alerts from watchpost.image_status where image_id = $1',
      [imageId],
    );
    const [row] = rows;
    if (!row) throw new WatchpostError('image_unknown', `There is no image ${imageId}.`);
    if (row.state === 'done' || row.state === 'failed') return row;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
};

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
    const { rows } = await database.pool.query<{ id: string }>(
      'select watchpost.submit_image($1, $2, $3) as id',
      [bytes, options.camera ?? null, options.capturedAt ?? null],
    );
    submitted.push({ file: basename(file), id: (rows[0] as { id: string }).id });
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
