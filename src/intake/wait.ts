import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../database/pool.ts';
import { type ProblemCode, WatchpostError } from '../errors.ts';

/** Where a photo stands. The states `done` and `failed` are final. */
export interface PhotoStatus {
  readonly state: string;
  readonly code: string | null;
  readonly message: string | null;
  readonly faces: number;
  readonly matches: number;
  readonly alerts: number;
  /** Whether its file is cut off or broken. */
  readonly damaged: boolean;
}

/** The end of a photo that was to enrol somebody. */
export interface EndedEnrolment {
  /** Of the row in `person_photo`. */
  readonly id: string;
  readonly state: 'enrolled' | 'refused' | 'removed';
  /** Why it does not enrol; `photo_removed` also for one that does. */
  readonly code: ProblemCode;
  readonly message: string;
}

/** Milliseconds between two reads: they grow by half from the first to the longest. */
const pauses = { first: 10, longest: 250 };
/** The same for many photos, of which a read costs more. */
const pausesOfMany = { first: 20, longest: 500 };

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
    text: 'select state, code, message, faces, matches, alerts, damaged from watchpost.image_status where image_id = $1',
    values: [imageId],
  });
  const [status] = rows;
  if (!status) throw new WatchpostError('image_unknown', `There is no image ${imageId}.`);
  return status;
};

/**
 * Waits for photos that are to enrol somebody, and yields each once it has ended, in no particular order. One that was
 * deleted meanwhile, as with its person, ends as removed.
 *
 * @param signal ends the wait early.
 */
export async function* endedEnrolments(
  { pool }: Database,
  ids: readonly string[],
  signal: AbortSignal = new AbortController().signal,
): AsyncGenerator<EndedEnrolment> {
  const open = new Set(ids);
  let pause = pausesOfMany.first;
  while (open.size > 0 && !signal.aborted) {
    // Photos end in about the order of their submission, so the oldest suffice: a large import is not read each time.
    const oldest = [...open].slice(0, 200);
    const { rows } = await pool.query<EndedEnrolment>(
      `select s.person_photo_id as id, s.state, coalesce(s.code, 'photo_removed') as code,
              coalesce(s.message, 'This photo was removed.') as message
       from watchpost.photo_status as s
       where s.person_photo_id = any ($1) and s.state in ('enrolled', 'refused', 'removed')
       union all
       select a.id, 'removed', 'photo_removed', 'This photo was deleted, or its person.'
       from unnest($1::uuid[]) as a (id)
       where not exists (select from watchpost.person_photo as p where p.id = a.id)`,
      [oldest],
    );
    for (const row of rows) {
      open.delete(row.id);
      yield row;
    }
    if (rows.length > 0) pause = pausesOfMany.first;
    else {
      await sleep(pause, undefined, { signal }).catch(() => {});
      pause = Math.min(pause * 1.5, pausesOfMany.longest);
    }
  }
}
