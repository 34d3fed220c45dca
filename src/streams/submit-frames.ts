import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { toWatchpostError } from '../convert-error.ts';
import type { Database } from '../database/pool.ts';
import { retryWhileAway } from '../database/retry.ts';
import { inspectPhoto, readFound, submitPhoto, untilEnded } from '../intake/index.ts';
import type { Log } from '../log.ts';
import type { Frame } from '../sources/index.ts';
import type { FrigateLabels } from './frigate-labels.ts';

/** Milliseconds between two looks at the outbox while it is full. */
const pause = 100;

/** A frame that is an image; the id may be unknown of one that was submitted before. */
export interface SubmittedFrame {
  readonly id: string | null;
  /** It was submitted before. */
  readonly known: boolean;
}

/** What the error idempotency_key_reused means here: the same frame, decoded by another version of ffmpeg, or another part of it. */
export const knownFrame: SubmittedFrame = { id: null, known: true };

/** Where the frames of a camera go. */
export interface Target {
  /** Resolves when fewer than so many frames wait to be searched for faces, or the signal is aborted. */
  untilRoom(mostWaiting: number, signal: AbortSignal): Promise<void>;
  /**
   * Submits a frame, once: its name is the idempotency key, so that it may be tried again whatever became of the first attempt.
   *
   * @returns undefined: the frame is refused, or was not to be submitted any more.
   */
  submit(frame: Frame, signal: AbortSignal): Promise<SubmittedFrame | undefined>;
}

/**
 * Frames of a camera become images of this database.
 *
 * @param options.labels sends back to Frigate who was found.
 * @param options.mayGoOn whether frames may still be submitted: somebody else may have taken over.
 */
export const intoDatabase = (
  database: Database,
  cameraId: string,
  options: {
    mayGoOn?: () => boolean;
    labels: FrigateLabels;
    log: Log;
  },
): Target => ({
  async untilRoom(mostWaiting, signal) {
    const full = async () => {
      const { rows } = await database.pool.query<{ waiting: number }>({
        name: 'watchpost-frames-waiting',
        text: 'select watchpost.frames_waiting($1, $2) as waiting',
        values: [cameraId, mostWaiting],
      });
      return (rows[0]?.waiting ?? 0) >= mostWaiting;
    };
    while (!signal.aborted && (await retryWhileAway(database, () => signal.aborted, full)))
      await sleep(pause, undefined, { signal }).catch(() => {});
  },
  async submit(frame, signal) {
    const { mayGoOn = () => true, labels, log } = options;
    const submit = async () => {
      if (!mayGoOn()) return undefined;
      return submitPhoto(database, {
        bytes: frame.bytes,
        camera: cameraId,
        capturedAt: frame.capturedAt,
        idempotencyKey: keyOf(cameraId, frame.id),
        submittedBy: 'watcher',
      });
    };
    try {
      await inspectPhoto(frame.bytes);
      const image = await retryWhileAway(database, () => signal.aborted, submit);
      if (image !== undefined && frame.frigate) void label(database, image.id, frame.frigate, labels, signal);
      return image;
    } catch (error) {
      if (signal.aborted) return undefined;
      const { code, message } = toWatchpostError(error);
      if (code === 'idempotency_key_reused') return knownFrame;
      log.warn({ camera: cameraId, code, reason: message }, 'a frame was refused');
      return undefined;
    }
  },
});

/** Beside the frames that follow: the next one may be of the same event. */
const label = async (
  database: Database,
  image: string,
  event: { event: string; api: string },
  labels: FrigateLabels,
  signal: AbortSignal,
): Promise<void> => {
  const { matches } = await untilEnded(database, image, signal).catch(() => ({ matches: 0 }));
  if (matches > 0) await labels.send(event, await readFound(database, image).catch(() => []));
};

/** The idempotency key of a frame, which may have 255 characters. */
export const keyOf = (cameraId: string, id: string): string => {
  const key = `${cameraId} ${id}`;
  return key.length <= 255 ? key : `${cameraId} ${createHash('sha256').update(id).digest('hex')}`;
};
