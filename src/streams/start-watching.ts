import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../database/pool.ts';
import type { Log } from '../log.ts';
import type { Outgoing } from '../outgoing/index.ts';
import { type Region, sourceAt } from '../sources/index.ts';
import { FrigateLabels } from './frigate-labels.ts';
import { intoDatabase } from './submit-frames.ts';
import { newReport, type Report, watchCamera } from './watch-camera.ts';

/** Seconds for which a camera is leased: so long nobody takes it after its watcher has died. */
const leaseSeconds = 6;
const everyMs = 1_000;

/** A camera that is leased, as lease_cameras() returns it. */
interface Leased {
  readonly camera_id: string;
  readonly name: string;
  readonly source: string;
  readonly userinfo: string | null;
  readonly rate: number;
  readonly frame_width: number | null;
  readonly region: Region | null;
  readonly position: string | null;
  readonly secret_changed_at: Date | null;
}

interface Running {
  /** What it was started with, as a text. */
  readonly settings: string;
  readonly report: Report;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

interface Tools {
  /** The id of the worker that does it. */
  readonly watcher: string;
  readonly database: Database;
  readonly outgoing: Outgoing;
  readonly log: Log;
}

/** A process that watches cameras with a source. */
export interface Watching {
  /** Ends all, and releases the cameras, which another process may take at once. */
  stop(): Promise<void>;
}

/** Watches cameras with a source that no other process watches, from now on. */
export const startWatching = ({ watcher, database, outgoing, log }: Tools): Watching => {
  /** As they were last leased. */
  let leased = new Map<string, Leased>();
  const running = new Map<string, Running>();
  const labels = new FrigateLabels(outgoing, log);
  const stopping = new AbortController();
  /** Until when the leases hold at least, by performance.now(). */
  let holdsUntil = 0;

  const start = (camera: Leased, settings: string): void => {
    const stop = new AbortController();
    const report = newReport();
    const ended = watchCamera(
      {
        ...{ outgoing, log, report, camera: camera.name },
        target: intoDatabase(database, camera.camera_id, {
          mayGoOn: () => performance.now() < holdsUntil,
          labels,
          log,
        }),
        open: () => sourceAt(camera.source),
        settings: () => ({
          rate: camera.rate,
          region: camera.region,
          frameWidth: camera.frame_width,
          userinfo: camera.userinfo,
          position: report.position ?? camera.position,
          camera: camera.name,
        }),
      },
      stop.signal,
    ).catch((error) => {
      log.error({ camera: camera.name, reason: String(error) }, 'watching a camera failed; it is begun anew');
      running.delete(camera.camera_id);
    });
    running.set(camera.camera_id, { settings, report, stop, ended });
  };

  const end = async (cameraId: string): Promise<void> => {
    const one = running.get(cameraId);
    running.delete(cameraId);
    one?.stop.abort();
    await one?.ended;
  };

  /** @param most cameras that are new. */
  const lease = async (most = 2): Promise<void> => {
    const reports = [...running].map(([camera_id, { report }]) => ({ camera_id, ...report }));
    const asked = performance.now();
    const { rows } = await database.pool.query<Leased>({
      name: 'watchpost-lease-cameras',
      text: 'select * from watchpost.lease_cameras($1, make_interval(secs => $2), $3, $4)',
      values: [watcher, leaseSeconds, JSON.stringify(reports), most],
      query_timeout: (leaseSeconds * 1000) / 2,
    } as never);
    holdsUntil = asked + leaseSeconds * 1000;
    for (const sent of reports) subtract(running.get(sent.camera_id)?.report, sent);
    leased = new Map(rows.map((row) => [row.camera_id, row]));
    for (const [cameraId, { settings }] of running) {
      const camera = leased.get(cameraId);
      if (!camera || settingsOf(camera) !== settings) await end(cameraId);
    }
    for (const camera of leased.values())
      if (!running.has(camera.camera_id)) start(camera, settingsOf(camera));
  };

  const keep = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await lease().catch((error) => log.debug({ reason: String(error) }, 'cameras cannot be leased now'));
      // Others may have them by now.
      if (performance.now() >= holdsUntil) await Promise.all([...running.keys()].map(end));
      await sleep(everyMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
  };
  const kept = keep();

  return {
    async stop() {
      stopping.abort();
      await kept;
      for (const { stop } of running.values()) stop.abort();
      await Promise.all([...running.values()].map(({ ended }) => ended));
      // With the last reports.
      await lease(0).catch(() => {});
      await database.pool.query('select watchpost.release_cameras($1)', [watcher]).catch(() => {});
    },
  };
};

/** All that a change of which starts the camera anew. */
const settingsOf = ({ position, ...camera }: Leased): string => JSON.stringify(camera);

/** Counts again from what was sent. */
const subtract = (report: Report | undefined, sent: Report): void => {
  if (!report) return;
  for (const what of ['read', 'submitted', 'known', 'dropped', 'reconnects'] as const)
    report[what] -= sent[what];
};
