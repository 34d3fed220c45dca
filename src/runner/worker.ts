import { randomUUID } from 'node:crypto';
import type { Task } from 'graphile-worker';
import { Relay } from '../broker/relay.ts';
import { giveBack, type TakenJob, type Taker, takeUp } from '../broker/take-up.ts';
import type { Pulse } from '../config.ts';
import type { Database } from '../database/pool.ts';
import { retryWhileAway, waitForDatabase } from '../database/retry.ts';
import type { Log } from '../log.ts';
import { stages as pipeline } from '../stages/index.ts';
import type { AnyStage, Item, Tools } from '../stages/stage.ts';
import { type Delivery, type Handled, handle } from './handle.ts';
import { startHeartbeat } from './heartbeat.ts';
import { type Jobs, startJobs } from './jobs.ts';
import { registerProcess, sayGoodbye } from './registration.ts';
import { startUpkeep } from './upkeep.ts';

/**
 * Messages under way at a time, beside the jobs that compute: they wait for somebody else's server, up to 10 s each, and
 * one endpoint has one of them at most.
 */
const outwardAtATime = 4;

/** A running worker: jobs, heartbeat, relay and upkeep of one process. */
export interface Worker {
  /** Its row in `worker`. */
  readonly id: string;
  readonly relay: Relay;
  /**
   * Takes no new jobs, waits for the running ones, and after `graceMs` puts those that are left back into the queue.
   */
  stop(graceMs?: number): Promise<void>;
}

/**
 * Starts to work on jobs.
 *
 * @param options.concurrency Jobs at a time.
 * @param options.stages What it works on; the whole pipeline unless told.
 */
export const startWorker = async (
  tools: Tools,
  options: { concurrency: number; log: Log; pulse?: Pulse; stages?: readonly AnyStage[] },
): Promise<Worker> => {
  const { database, vision } = tools;
  const { concurrency, log, pulse } = options;
  const stages: readonly AnyStage[] = options.stages ?? pipeline;
  const tasks = stages.map((stage) => stage.task);
  const id = await waitForDatabase(database, () => registerProcess(database, vision, { concurrency, tasks }));
  const relay = new Relay(database, log);
  const atWork = new Set<string>();
  let stopping = false;
  const jobs: Jobs[] = [];
  const heartbeat = startHeartbeat(database, id, {
    log,
    ...(pulse ? { pulse } : {}),
    living: () => ({ pools: jobs.flatMap((some) => some.pools()), jobs: [...atWork] }),
  });
  const inward = stages.filter((stage) => !stage.outward);
  const run: Run = {
    tools,
    workerId: id,
    stages,
    relay,
    atWork,
    stopping: () => stopping,
    pool: () => jobs[0]?.pools().at(-1) ?? '',
    // Who stops leaves what comes next to others.
    takes: () =>
      stopping ? [] : inward.map(({ task }) => task).filter((task) => !heartbeat.paused().includes(task)),
  };
  const start = (some: readonly AnyStage[], concurrent: number, busy?: (busy: boolean) => void) =>
    startJobs(database, Object.fromEntries(some.map((stage) => [stage.task, jobOf(stage, run)])), {
      concurrency: concurrent,
      paused: heartbeat.paused,
      opened: heartbeat.beat,
      ...(busy ? { busy } : {}),
      log,
    });
  jobs.push(start(inward, concurrency, (busy) => relay.setBusy(busy)));
  jobs.push(
    start(
      stages.filter((stage) => stage.outward),
      outwardAtATime,
    ),
  );
  heartbeat.beat();
  relay.start();
  const upkeep = startUpkeep(database, log);
  log.info({ worker: id, concurrency }, 'worker is up');

  return {
    id,
    relay,
    async stop(graceMs = 8_000) {
      stopping = true;
      await Promise.all(jobs.map((some) => some.stop(graceMs)));
      // graphile-worker puts back what it has given out itself; what was taken up besides is put back here.
      await releaseAll(
        database,
        jobs.flatMap((some) => some.pools()),
      );
      heartbeat.stop();
      await upkeep.stop();
      await relay.stop();
      await sayGoodbye(database, id).catch(() => {});
    },
  };
};

const releaseAll = async (database: Database, pools: readonly string[]): Promise<void> => {
  await database.pool.query('select graphile_worker.force_unlock_workers($1)', [pools]).catch(() => {});
};

/** What the jobs of one worker share. */
interface Run {
  readonly tools: Tools;
  readonly workerId: string;
  readonly stages: readonly AnyStage[];
  readonly relay: Relay;
  /** Ids of the jobs that are under way. */
  readonly atWork: Set<string>;
  readonly stopping: () => boolean;
  /** What the jobs of this process are locked by now. */
  readonly pool: () => string;
  /** The tasks that this process takes up itself when it has led to them. */
  readonly takes: () => string[];
}

/** A stage as a graphile-worker batch task: rejects just the items that are to be delivered again. */
const jobOf =
  (stage: AnyStage, run: Run): Task =>
  async (payload, { job }) => {
    const items = (Array.isArray(payload) ? payload : [payload]) as Item[];
    const handled = await goOn(stage, items, job, null, run);
    const failed = handled.filter((one) => one.outcome === 'retry');
    if (failed.length === 0) return;
    if (!Array.isArray(payload)) throw errorOf(failed[0] as Handled);
    return handled.map((one) => (one.outcome === 'retry' ? Promise.reject(errorOf(one)) : Promise.resolve()));
  };

/**
 * Handles a job, and then what it has led to, as far as this process has taken that: a photo comes from its detection to
 * its alerts without waiting for anybody. Each step is a job all the same, locked by this process: if it dies, the others
 * go on from the step that was not done.
 *
 * In a backlog, when every slot is at work and a job has several items, nothing is taken: what several photos have led to
 * goes on together, in fewer statements.
 *
 * @param taken the job, if it was taken up so and is not graphile-worker's to complete.
 * @returns what became of the items of the job itself.
 */
const goOn = async (
  stage: AnyStage,
  items: readonly Item[],
  job: Pick<TakenJob, 'id' | 'attempts' | 'max_attempts'>,
  taken: TakenJob | null,
  run: Run,
): Promise<Handled[]> => {
  const { tools, relay, atWork } = run;
  const taker: Taker = { pool: run.pool(), key: `${randomUUID()} `, tasks: run.takes() };
  let takes = false;
  const handOver = () => {
    const backlog = !taken && items.length > 1 && relay.busy;
    if (taker.tasks.length === 0 || backlog) return 'off';
    takes = true;
    return JSON.stringify(taker);
  };
  let next: TakenJob[] = [];
  atWork.add(job.id);
  try {
    const handled = await retryWhileAway(tools.database, run.stopping, (again) =>
      handle(stage, items, tools, { ...deliveryOf(job, run.workerId, again), handOver }),
    );
    const again = handled.filter((one) => one.outcome === 'retry');
    if (taken && again.length > 0) {
      const left = items.filter((item) => again.some((one) => one.event_id === item.event_id));
      await retryWhileAway(tools.database, run.stopping, () =>
        giveBack(tools.database, taken, left, errorOf(again[0] as Handled)),
      );
    }
    const finished = taken && again.length === 0 ? taken.id : null;
    if (takes || finished) {
      next = await retryWhileAway(tools.database, run.stopping, () =>
        takeUp(tools.database, taker, finished),
      );
    }
    // Those that wait for their turn are in good hands, too.
    for (const one of next) atWork.add(one.id);
    for (const one of next) {
      const following = run.stages.find(({ task }) => task === one.task);
      if (following) await goOn(following, one.payload as readonly Item[], one, one, run);
    }
    // What others are to do, or this process too, but not at once. A slot that asks for jobs before there are any only
    // stands in the way of the one that relays them.
    if (next.length === 0) await relay.nudge();
    return handled;
  } finally {
    for (const { id } of [job, ...next]) atWork.delete(id);
  }
};

const deliveryOf = (
  job: Pick<TakenJob, 'attempts' | 'max_attempts'>,
  workerId: string,
  again: boolean,
): Delivery => ({
  workerId,
  attempt: job.attempts,
  mayRetry: job.attempts < job.max_attempts,
  redelivered: again || job.attempts > 1,
});

const errorOf = (handled: Handled): Error => new Error(`${handled.code}: ${handled.error}`);
