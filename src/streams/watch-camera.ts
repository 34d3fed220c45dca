import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../log.ts';
import type { Outgoing } from '../outgoing/index.ts';
import {
  type Frame,
  type Source,
  SourceError,
  type SourceSettings,
  withoutSecrets,
} from '../sources/index.ts';
import { LatestFrames } from './latest-frames.ts';
import type { Target } from './submit-frames.ts';

/** What became of the frames of a camera, since it was last asked for. */
export interface Report {
  state: 'connecting' | 'watching' | 'ended';
  /** Why there are no frames now; null: there are, or nothing is known. */
  problem: string | null;
  position: string | null;
  last_frame_at: Date | null;
  read: number;
  submitted: number;
  /** Frames that were images already. */
  known: number;
  dropped: number;
  reconnects: number;
}

export const newReport = (): Report => ({
  state: 'connecting',
  problem: null,
  position: null,
  last_frame_at: null,
  ...{ read: 0, submitted: 0, known: 0, dropped: 0, reconnects: 0 },
});

/** Frames of a live source that the watcher keeps while the outbox has no room, unless the source says how many. */
const mostHeld = 2;

/**
 * Photos of a camera that may wait in the outbox; while there are so many, its frames wait here. Of a live source as many as
 * come in a second, because what waits there is not dropped for newer ones. Fewer than two would let a worker wait for the next.
 */
const inOutbox = { least: 2, most: 6 };

/** Milliseconds before the source is opened again: they double from the first to the longest. */
const pauses = { first: 500, longest: 60_000 };
/** A source that has given frames for so long is well again. */
const wellAfterMs = 30_000;

/** A frame could not be submitted: opening the source again does not help. */
class SubmitFailure extends Error {}

/** A camera and how it is watched. */
export interface Watched {
  /** Its name or id, for the log. */
  readonly camera: string;
  readonly target: Target;
  readonly log: Log;
  /** @throws {SourceError} */
  readonly open: () => Source;
  readonly settings: () => SourceSettings;
  readonly outgoing: Outgoing;
  readonly report: Report;
  /** Whether the first failure is thrown, and the source not opened again. */
  readonly once?: boolean;
}

/**
 * Takes the frames of a camera until the signal is aborted or the source has ended, and opens the source again when it breaks,
 * with growing pauses. Of a live source frames are dropped that nobody takes in time, the oldest first; another source waits.
 *
 * @throws what the target has thrown, and with `once` a failure of the source.
 */
export const watchCamera = async (watched: Watched, signal: AbortSignal): Promise<void> => {
  const { report, log, camera } = watched;
  let failures = 0;
  while (!signal.aborted) {
    const begun = performance.now();
    try {
      await takeFrames(watched, signal);
      if (signal.aborted) return;
      report.state = 'ended';
      log.info({ camera }, 'the source of the camera has ended');
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof SubmitFailure) throw error.cause;
      if (watched.once) throw error;
      const problem = reasonOf(error, watched.settings().userinfo);
      if (problem !== report.problem) log.warn({ camera, reason: problem }, 'no frames of the camera');
      Object.assign(report, { state: 'connecting', problem });
    }
    if (performance.now() - begun > wellAfterMs) failures = 0;
    report.reconnects += 1;
    const pause = Math.min(pauses.first * 2 ** failures++, pauses.longest);
    // Cameras behind one switch that was off do not all come at once.
    await sleep(pause * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {});
  }
};

const reasonOf = (error: unknown, userinfo: string | null): string => {
  const message = error instanceof Error ? error.message : String(error);
  const known = error instanceof SourceError || (error instanceof Error && error.name === 'WatchpostError');
  return withoutSecrets(known ? message : `The source cannot be read: ${message}.`, userinfo).slice(0, 500);
};

const takeFrames = async (watched: Watched, outer: AbortSignal): Promise<void> => {
  const { report, outgoing, open, settings } = watched;
  const ending = new AbortController();
  const signal = AbortSignal.any([outer, ending.signal]);
  const source = open();
  const latest = new LatestFrames(source.mostHeld ?? mostHeld, () => {
    report.dropped += 1;
  });
  const submitting = source.isLive ? submitLatest(watched, latest, signal) : Promise.resolve();
  try {
    const frames = source.frames(settings(), { outgoing, signal });
    for await (const frame of whileNobodyFails(frames, submitting)) {
      report.read += 1;
      Object.assign(report, { state: 'watching', problem: null, last_frame_at: new Date() });
      if (source.isLive) latest.add(frame);
      else await submitOne(watched, frame, signal);
      if (signal.aborted) return;
    }
    // What the source has given at its end is still to be submitted.
    while (latest.hasOne && !signal.aborted) await sleep(20);
  } finally {
    ending.abort();
    await submitting.catch(() => {});
  }
};

/** The frames; ends with the failure of what is done beside. */
async function* whileNobodyFails<T>(
  frames: AsyncGenerator<T, void, undefined>,
  beside: Promise<unknown>,
): AsyncGenerator<T, void, undefined> {
  const failed = new Promise<never>((_, reject) => beside.catch(reject));
  failed.catch(() => {});
  try {
    for (;;) {
      const next = await Promise.race([frames.next(), failed]);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    void frames.return(undefined).catch(() => {});
  }
}

const roomOf = ({ rate }: SourceSettings): number =>
  Math.min(inOutbox.most, Math.max(inOutbox.least, Math.ceil(rate)));

const submitLatest = async (watched: Watched, latest: LatestFrames, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    await latest.untilOne(signal);
    // The newest frames are chosen when there is room, not before.
    await watched.target.untilRoom(roomOf(watched.settings()), signal);
    const frame = latest.take();
    if (frame && !signal.aborted) await submit(watched, frame, signal);
  }
};

const submitOne = async (watched: Watched, frame: Frame, signal: AbortSignal): Promise<void> => {
  await watched.target.untilRoom(inOutbox.most, signal);
  if (!signal.aborted) await submit(watched, frame, signal);
};

const submit = async ({ target, report }: Watched, frame: Frame, signal: AbortSignal): Promise<void> => {
  const submitted = await target.submit(frame, signal).catch((cause: unknown) => {
    throw new SubmitFailure('A frame was not submitted.', { cause });
  });
  if (submitted) report[submitted.known ? 'known' : 'submitted'] += 1;
  else if (signal.aborted) return;
  if (frame.position !== undefined) report.position = frame.position;
};
