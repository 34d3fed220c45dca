import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { runEndSteps } from '../support/at-end.ts';
import { programs, startRabbitmq } from '../support/brokers.ts';
import { startPostgres } from '../support/postgres.ts';
import { Arrivals } from './arrivals.ts';
import { cameraChecks, tablesOf, topics } from './camera-checks.ts';
import { CameraFaults, type Counts, planCameraFaults } from './camera-faults.ts';
import { judgeCameras } from './camera-report.ts';
import { keysOf, untilQuiet, within } from './camera-rest.ts';
import { check } from './checker.ts';
import { Fleet, settingsOf } from './fleet.ts';
import { fillFolder, serveFrames } from './frames.ts';
import { install } from './install.ts';
import { onInterrupt } from './interrupt.ts';
import { eventExchange, Others, photoQueue } from './messages.ts';
import type { Options } from './options.ts';
import type { Album } from './photos.ts';
import { print } from './progress.ts';
import { Random } from './random.ts';
import { Watch } from './watch.ts';

/** How many workers watch; seconds for which harm is done, and how often. */
const harms: Record<'short' | 'whole', { workers: number; seconds: number; counts: Counts }> = {
  short: {
    workers: 2,
    seconds: 16,
    counts: {
      watcher_kills: 2,
      worker_kills: 1,
      folder_kills: 1,
      bridge_kills: 2,
      broker_kills: 1,
      db_restarts: 1,
    },
  },
  whole: {
    workers: 3,
    // A killed bridge counts as dead for 20 s: one is killed each 37 s.
    seconds: 300,
    counts: {
      watcher_kills: 8,
      worker_kills: 6,
      folder_kills: 6,
      bridge_kills: 8,
      broker_kills: 4,
      db_restarts: 2,
    },
  },
};

/** Milliseconds. */
const lengths = {
  /** Between two frames of the stream, of which all are taken. */
  frame: 250,
  /** Between two files in the folder, and two messages at the broker. */
  file: 500,
  message: 400,
  /** Within which everything is recovered from. */
  recover: 60_000,
  /** Within which everything has come to its end after that. */
  settle: 120_000,
};

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/**
 * Cameras, a broker and bridges under kills: a stream that workers watch, a folder that a process of its own watches, photos that
 * come from a broker, and events that go there.
 */
export const runCameras = async (options: Options, album: Album) => {
  const begun = Date.now();
  const { seconds, counts, ...many } = harms[options.short ? 'short' : 'whole'];
  const folder = join(options.folder, 'cameras');
  await mkdir(folder, { recursive: true });
  const random = new Random(options.seed);
  if (!programs.rabbitmq) print('cameras: there is no rabbitmq-server, so the bridges are left out');
  const [postgres, broker] = await Promise.all([
    startPostgres({ bin: options.pgBin, data: join(folder, 'postgres'), port: 0 }),
    programs.rabbitmq ? startRabbitmq() : undefined,
  ]);
  const workers = new Fleet(folder);
  const outside = new Fleet(folder);
  const pool = new pg.Pool({ connectionString: postgres.url, max: 2 });
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  const others = broker && new Others(broker.port);
  const takeDown = async () => {
    await others?.end();
    await Promise.all([workers.end(), outside.end()]);
    await runEndSteps();
    await postgres.end();
  };
  const stopListening = onInterrupt(takeDown);
  const [watch, arrivals] = [
    new Watch(postgres.url, workers),
    new Arrivals(postgres.url, join(folder, 'arrived.jsonl'), others),
  ];
  try {
    await Promise.all([install(postgres.url, album), others?.prepare()]);
    const stream = await serveFrames(album, lengths.frame);
    const files = await fillFolder(album, join(folder, 'files'), lengths.file);
    await describe(pool, stream.url, broker && `amqp://127.0.0.1:${broker.port}`);
    const settings = { ...settingsOf({ ...options, folder }), WATCHPOST_OUTGOING_ALLOW: '127.0.0.1' };
    const ways = ['--camera', 'folder', '--move-to', files.submitted, '--settle', '1s', '--json'];
    await outside.add('folder', postgres.port, settings, [files.incoming, ...ways]);
    for (let n = 0; n < many.workers; n++) await workers.add('worker', postgres.port, settings, ['--watch']);
    for (let n = 0; broker && n < 2; n++) await outside.add('bridge', postgres.port, settings);
    const own = new Random(options.seed + 1);
    const sending = setInterval(() => others?.send(album, own), lengths.message);
    await within(lengths.recover, () =>
      [...workers.slots, ...outside.slots].every(({ state }) => state === 'up'),
    );
    await Promise.race([
      arrivals.wounded('start', ['stream', 'folder', 'message', 'event']),
      sleep(lengths.recover),
    ]);
    print('cameras: frames, photos and events come through');

    const faults = new CameraFaults({ workers, outside, watch, arrivals, postgres, broker, random });
    const progress = setInterval(() => {
      const done = Object.entries(faults.counts).map(([kind, count]) => `${count} ${kind.replace('_', ' ')}`);
      print(
        `cameras: ${arrivals.all.length} arrived, ${others?.delivered.length ?? 0} events out · ${done.join(', ')} · ` +
          `${arrivals.open.length} open`,
      );
    }, 5_000);
    await harm(
      planCameraFaults(random, seconds, broker ? counts : { ...counts, bridge_kills: 0, broker_kills: 0 }),
      faults,
    );
    clearInterval(progress);

    print('cameras: the last fault is over; waiting until everything is processed');
    clearInterval(sending);
    await pool.query('update watchpost.camera set source = null');
    await Promise.all([stream.end(), files.end()]);
    const settled = await untilQuiet(pool, lengths.settle, { others, left: files.left });
    // What a bridge has not acknowledged goes back into its queue.
    await outside.end();
    const messages = others?.sent ?? [];
    const unread = (await others?.waiting(photoQueue)) ?? 0;
    await others?.end();

    const taken = new Set(await files.taken());
    const lists = {
      frames: [...stream.given, ...files.given],
      taken: files.given.filter(({ file }) => taken.has(file as string)).map(({ sha256 }) => sha256),
      messages,
      delivered: others?.delivered ?? [],
    };
    const findings = await check(pool, {
      sent: [...(await keysOf(pool, lists.frames)), ...messages.filter(({ photo }) => photo)],
      acknowledged: arrivals.all,
      more: cameraChecks,
      lists: tablesOf(lists),
    });
    return judgeCameras({
      ...{
        planned: broker ? counts : { ...counts, bridge_kills: 0, broker_kills: 0 },
        faults,
        watch,
        arrivals,
      },
      ...{ fleets: [workers, outside], lists, findings, unread, settled, begun },
    });
  } finally {
    stopListening();
    await arrivals.end();
    await watch.end();
    await pool.end();
    await takeDown();
  }
};

/** The rows by which a camera is watched, and bridges lead to the broker and from there. */
const describe = async (pool: pg.Pool, source: string, broker: string | undefined): Promise<void> => {
  // Each frame is searched, also one in which nothing has moved: so each has the faces that it has.
  await pool.query(
    `insert into watchpost.camera (name, location, source, frames_per_second, still_difference)
     values ('stream', 'Entrance', $1, $2, null), ('folder', 'Yard', null, null, null), ('queue', 'Gate', null, null, null)`,
    [source, 1000 / lengths.frame],
  );
  if (broker === undefined) return;
  await pool.query(
    `select
       watchpost.add_bridge('out', 'rabbitmq', 'out', $1, $2, $3, from_beginning => true),
       watchpost.add_bridge('in', 'rabbitmq', 'in', $1, $4, camera => 'queue')`,
    [broker, `${eventExchange}/{topic}.{camera}`, topics, photoQueue],
  );
};

const harm = async (plan: ReturnType<typeof planCameraFaults>, faults: CameraFaults): Promise<void> => {
  const begun = Date.now();
  const doing = plan.map(async (step) => {
    await sleep(Math.max(0, begun + step.at - Date.now()));
    await step.run(faults).catch((error) => print(`${step.fault} could not be done: ${error.message}`));
  });
  // A process that never starts again is waited for by the next fault of its kind.
  await Promise.race([Promise.all(doing), sleep((plan.at(-1)?.at ?? 0) + lengths.recover)]);
  await Promise.race([faults.recovered(), sleep(lengths.recover)]);
};
