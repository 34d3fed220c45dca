import type { Broker } from '../support/brokers.ts';
import type { Postgres } from '../support/postgres.ts';
import type { Arrival, Arrivals } from './arrivals.ts';
import type { Fleet, Slot } from './fleet.ts';
import { type Step, spread } from './plan.ts';
import type { Trap } from './proxy.ts';
import type { Random } from './random.ts';
import { submission, trapFirst } from './trap.ts';
import type { Watch } from './watch.ts';

type Moment = Omit<Trap, 'spring'>;

/** Statements that only the worker executes that watches the camera: the photos of others come by a bridge or a folder. */
const watcherMoments: readonly Moment[] = [
  // The frame is committed, and the watcher does not know.
  { statement: submission, moment: 'answered' },
  { statement: 'watchpost-frames-waiting', moment: 'before' },
  { statement: submission, moment: 'before' },
  { statement: submission, moment: 'after' },
];

/** Of the bridge that does the work. */
const bridgeMoments: readonly Moment[] = [
  // The photo is committed, and the message not acknowledged: it comes again.
  { statement: submission, moment: 'answered' },
  // The broker has confirmed the events, and the position is not written: they are published again.
  { statement: 'watchpost.note_published(', moment: 'before' },
  { statement: 'watchpost.note_published(', moment: 'after' },
  { statement: submission, moment: 'before' },
];

const folderMoments: readonly Moment[] = [
  // The photo is committed, and its file not taken away.
  { statement: submission, moment: 'answered' },
  { statement: submission, moment: 'after' },
];

/** Milliseconds for which a moment is waited for; then any process of the kind is killed. */
const patience = 12_000;

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** What the faults are done to. */
export interface Installation {
  readonly workers: Fleet;
  /** Bridges, and what watches the folder. */
  readonly outside: Fleet;
  readonly watch: Watch;
  readonly arrivals: Arrivals;
  readonly postgres: Postgres;
  /** undefined: there is none, and no bridge. */
  readonly broker: Broker | undefined;
  readonly random: Random;
}

/** What can be done to the processes between cameras, broker and database, with what was done counted. */
export class CameraFaults {
  readonly counts = {
    watcher_kills: 0,
    worker_kills: 0,
    folder_kills: 0,
    bridge_kills: 0,
    broker_kills: 0,
    db_restarts: 0,
  };
  readonly #installation: Installation;
  readonly #recovered: Promise<unknown>[] = [];
  /** One kill of a worker after the other, so that one is left. */
  #killing = Promise.resolve();
  /** One kill of the broker after the other: it takes seconds to start. */
  #breaking = Promise.resolve();

  constructor(installation: Installation) {
    this.#installation = installation;
  }

  /** Resolves when everything that was done so far is recovered from. */
  async recovered(): Promise<void> {
    await Promise.all(this.#recovered);
  }

  /** Kills the worker that watches the camera when it comes to one of its moments. */
  async killWatcher(index: number): Promise<void> {
    await this.#killWorker('kill of the watcher', async (up) => {
      const sprung = await trapFirst(up, momentOf(watcherMoments, index), patience);
      const slot = sprung ?? this.#installation.random.pick(up);
      if (slot) this.counts.watcher_kills += 1;
      return slot;
    });
  }

  /** Kills any worker. */
  async killWorker(): Promise<void> {
    await this.#killWorker('kill of a worker', async (up) => {
      const slot = this.#installation.random.pick(up);
      if (slot) this.counts.worker_kills += 1;
      return slot;
    });
  }

  async #killWorker(fault: string, choose: (up: Slot[]) => Promise<Slot | undefined>): Promise<void> {
    const { workers, watch } = this.#installation;
    this.#killing = this.#killing.then(async () => {
      while (workers.up('worker').length < Math.min(2, workers.slots.length)) await sleep(100);
      const slot = await choose(workers.up('worker'));
      if (!slot) return;
      const pools = watch.poolsOf(slot);
      workers.kill(slot);
      slot.state = 'starting';
      this.#wounded(fault, ['stream']);
      this.#recovered.push(watch.wounded(fault, pools));
    });
    await this.#killing;
  }

  /** Kills the bridge that does the work at one of its moments. */
  async killBridge(index: number): Promise<void> {
    await this.#killOutside('bridge', momentOf(bridgeMoments, index), 'kill of the bridge');
  }

  /** Kills what watches the folder at one of its moments. */
  async killFolder(index: number): Promise<void> {
    await this.#killOutside('folder', momentOf(folderMoments, index), 'kill of what watches the folder');
  }

  async #killOutside(kind: 'bridge' | 'folder', moment: Moment, fault: string): Promise<void> {
    const { outside, random } = this.#installation;
    while (outside.up(kind).length === 0) await sleep(100);
    const up = outside.up(kind);
    const slot = (await trapFirst(up, moment, patience)) ?? random.pick(up);
    if (!slot) return;
    outside.kill(slot);
    slot.state = 'starting';
    this.counts[`${kind}_kills`] += 1;
    this.#wounded(fault, kind === 'folder' ? ['folder'] : ['message', 'event']);
  }

  /** Kills the broker, and starts it again with what it has on disk. */
  async killBroker(): Promise<void> {
    const { broker, random } = this.#installation;
    this.#breaking = this.#breaking.then(async () => {
      await broker?.crash();
      await sleep(random.between(200, 2_000));
      await broker?.start();
      this.counts.broker_kills += 1;
      this.#wounded('kill of the broker', ['message', 'event']);
    });
    await this.#breaking;
  }

  /** Postgres crashes, is away for a moment, and recovers. */
  async restartPostgres(): Promise<void> {
    const { postgres, random, watch } = this.#installation;
    await postgres.crash();
    await sleep(random.between(500, 2_000));
    this.#wounded('restart of Postgres', ['stream', 'folder', 'message', 'event']);
    this.#recovered.push(watch.wounded('restart of Postgres'));
    await postgres.start();
    this.counts.db_restarts += 1;
  }

  #wounded(fault: string, awaited: readonly Arrival[]): void {
    this.#recovered.push(this.#installation.arrivals.wounded(fault, awaited));
  }
}

const momentOf = (moments: readonly Moment[], index: number): Moment =>
  moments[index % moments.length] as Moment;

/** How often each fault is done. */
export type Counts = CameraFaults['counts'];

/** The schedule: each kind is spread evenly over the run with a jitter of its own. */
export const planCameraFaults = (random: Random, seconds: number, counts: Counts): Step<CameraFaults>[] => {
  const over = { random, ms: seconds * 1000 };
  const of = (count: number, fault: string, run: (faults: CameraFaults, index: number) => Promise<void>) =>
    spread<CameraFaults>(over, count, fault, run);
  return [
    ...of(counts.watcher_kills, 'kill of the watcher', (faults, index) => faults.killWatcher(index)),
    ...of(counts.worker_kills, 'kill of a worker', (faults) => faults.killWorker()),
    ...of(counts.folder_kills, 'kill of what watches the folder', (faults, index) =>
      faults.killFolder(index),
    ),
    ...of(counts.bridge_kills, 'kill of the bridge', (faults, index) => faults.killBridge(index)),
    ...of(counts.broker_kills, 'kill of the broker', (faults) => faults.killBroker()),
    ...of(counts.db_restarts, 'restart of Postgres', (faults) => faults.restartPostgres()),
  ].sort((a, b) => a.at - b.at);
};
