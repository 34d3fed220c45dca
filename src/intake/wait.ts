import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../database/pool.ts';
import { WatchpostError } from '../errors.ts';

/** Where a photo stands. The states `done` and `failed` are final. */
export interface PhotoStatus {
  readonly state: string;
  readonly code: string | null;
  readonly message: string | null;
  readonly faces: number;
  readonly matches: number;
  readonly alerts: number;
}

/** Milliseconds between two reads: grow by half from the first to the longest. */
const pauses = { first: 10, longest: 250 };

/**
 * Waits until a photo is done or failed.
 *
 * @param signal ends the wait early.
 * @returns its status, which is final unless `signal` was aborted.
 * @throws {WatchpostError} image_unknown.
 */
export const untilEnded = async (
  database: Database,
  imageId: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<PhotoStatus> => {
  let pause = pauses.first;
  for (;;) {
    const status = await readStatus(database, imageId);
    if (status.state === 'done' || status.state === 'failed' || signal.aborted) return status;
    // Rejects when the signal is aborted, and then the photo is read once more.
    await sleep(pause, undefined, { signal }).catch(() => {});
    pause = Math.min(pause * 1.5, pauses.longest);
  }
};

const readStatus = async ({ pool }: Database, imageId: string): Promise<PhotoStatus> => {
  const { rows } = await pool.query<PhotoStatus>({
    name: 'watchpost-photo-status',
    text: 'select state, code, message, faces, matches, alerts from watchpost.image_status where image_id = $1',
    values: [imageId],
  });
  const [status] = rows;
  if (!status) throw new WatchpostError('image_unknown', `There is no image ${imageId}.`);
  return status;
};
