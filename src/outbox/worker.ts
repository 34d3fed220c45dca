import type { Job, Task } from 'graphile-worker';
import type { Log } from '../log.ts';
import { type Delivery, type Handled, handle } from '../pipeline/handle.ts';
import { stages as pipeline } from '../pipeline/index.ts';
import type { AnyStage, Item, Tools } from '../pipeline/stage.ts';
import { type Pulse, startHeartbeat } from './heartbeat.ts';
import { type Jobs, startJobs } from './jobs.ts';
import { persist, persistAtStart } from './persist.ts';
import { registerProcess, sayGoodbye } from './registration.ts';
import { Relay } from './relay.ts';
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
  const id = await persistAtStart(database, () => registerProcess(database, vision, { concurrency, tasks }));
  const relay = new Relay(database, log);
  const atWork = new Set<string>();
  let stopping = false;
  const jobs: Jobs[] = [];
  const heartbeat = startHeartbeat(database, id, {
    log,
    ...(pulse ? { pulse } : {}),
    living: () => ({ pools: jobs.flatMap((some) => some.pools()), jobs: [...atWork] }),
  });
  const run: Run = { tools, workerId: id, relay, atWork, stopping: () => stopping };
  const start = (some: readonly AnyStage[], concurrent: number, busy?: (busy: boolean) => void) =>
    startJobs(database, Object.fromEntries(some.map((stage) => [stage.task, jobOf(stage, run)])), {
      concurrency: concurrent,
      paused: heartbeat.paused,
      opened: heartbeat.beat,
      ...(busy ? { busy } : {}),
      log,
    });
  jobs.push(
    start(
      stages.filter((stage) => !stage.outward),
      concurrency,
      (busy) => relay.setBusy(busy),
    ),
  );
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
      heartbeat.stop();
      await upkeep.stop();
      await relay.stop();
      await sayGoodbye(database, id).catch(() => {});
    },
  };
};

/** What the jobs of one worker share. */
interface Run {
  readonly tools: Tools;
  readonly workerId: string;
  readonly relay: Relay;
  /** Ids of the jobs that are under way. */
  readonly atWork: Set<string>;
  readonly stopping: () => boolean;
}

/** A stage as a graphile-worker batch task: rejects just the items that are to be delivered again. */
const jobOf =
  (stage: AnyStage, run: Run): Task =>
  async (payload, { job }) => {
    const items = (Array.isArray(payload) ? payload : [payload]) as Item[];
    run.atWork.add(job.id);
    let gathered = false;
    const handOver = () => {
      const atOnce = run.relay.handsOver();
      gathered ||= !atOnce;
      return atOnce;
    };
    try {
      const handled = await persist(run.tools.database, run.stopping, (again) =>
        handle(stage, items, run.tools, { ...deliveryOf(job, run.workerId, again), handOver }),
      );
      // A slot that asks for jobs before there are any only stands in the way of the one that relays them.
      if (gathered) await run.relay.nudge();
      const failed = handled.filter((one) => one.outcome === 'retry');
      if (failed.length === 0) return;
      if (!Array.isArray(payload)) throw errorOf(failed[0] as Handled);
      return handled.map((one) =>
        one.outcome === 'retry' ? Promise.reject(errorOf(one)) : Promise.resolve(),
      );
    } finally {
      run.atWork.delete(job.id);
    }
  };

const deliveryOf = (job: Job, workerId: string, again: boolean): Delivery => ({
  workerId,
  attempt: job.attempts,
  mayRetry: job.attempts < job.max_attempts,
  redelivered: again || job.attempts > 1,
});

const errorOf = (handled: Handled): Error => new Error(`${handled.code}: ${handled.error}`);
