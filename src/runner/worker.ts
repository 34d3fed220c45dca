import { writeFile } from 'node:fs/promises';
import { Claims } from '../broker/claims.ts';
import type { Pulse } from '../config.ts';
import type { Database } from '../database/pool.ts';
import { waitForDatabase } from '../database/retry.ts';
import { Presence } from '../endpoints/presence.ts';
import type { Log } from '../log.ts';
import { RotationFinder } from '../stages/find-rotation.ts';
import { stages as pipeline } from '../stages/index.ts';
import type { AnyStage, Tools } from '../stages/stage.ts';
import { StillFrames } from '../stages/still-frames.ts';
import { follow } from './handle.ts';
import { headsFile } from './heads-file.ts';
import { type Heartbeat, startHeartbeat } from './heartbeat.ts';
import { InHand } from './in-hand.ts';
import { jobTasks, pausedTasks } from './job-tasks.ts';
import { type Jobs, startJobs } from './jobs.ts';
import { registerProcess, sayGoodbye } from './registration.ts';
import type { Run } from './run.ts';
import { Slots } from './slots.ts';
import { startUpkeep } from './upkeep.ts';

/**
 * graphile-worker jobs at a time, in addition to the slots: each message to another server waits up to 10 s, and an
 * endpoint has one at a time. Retries also wait for a slot, as they compute.
 */
const jobsAtATime = 4;

/** A running worker: slots, jobs, heartbeat and upkeep of one process. */
export interface Worker {
  /** Its row in `worker`. */
  readonly id: string;
  /** There may be something to claim: this process has written events. */
  nudge(): void;
  /** Claims nothing more, waits for the batches under way, and after `graceMs` releases the rest to other workers. */
  stop(graceMs?: number): Promise<void>;
}

/**
 * Starts to claim events and to handle them.
 *
 * @param options.concurrency Batches at a time.
 * @param options.stages The stages it runs; the whole pipeline unless given.
 * @param options.aliveFile Written at each heartbeat that the database has taken, for a health check of the process.
 * @param options.headsFile Where heads of the record are kept; see heads-file.ts.
 */
export const startWorker = async (
  given: Tools,
  options: {
    concurrency: number;
    log: Log;
    pulse?: Pulse;
    stages?: readonly AnyStage[];
    headsFile?: string | undefined;
    aliveFile?: string | undefined;
  },
): Promise<Worker> => {
  const tools: Tools = {
    ...given,
    stillFrames: new StillFrames(),
    rotations: new RotationFinder(given.vision),
  };
  const { database, vision } = tools;
  const { concurrency, log, pulse } = options;
  const stages: readonly AnyStage[] = options.stages ?? pipeline;
  const inward = stages.filter((stage) => !stage.outward).map((stage) => stage.task);
  const tasks = stages.map((stage) => stage.task);
  const process_ = { concurrency, tasks };
  const id = await waitForDatabase(database, () => registerProcess(database, vision, process_));
  const claims = new Claims(database, id);
  const inHand = new InHand(claims);
  let stopping = false;

  const run: Run = {
    ...{ tools, workerId: id, stages, inHand, log },
    stopping: () => stopping,
    nudge: () => slots.nudge(),
  };
  const slots = new Slots({
    claims,
    tasks: () => inward,
    concurrency,
    handle: (batch) => follow(batch, run),
    claimed: (batches) => inHand.add(batches),
    outage: database.outage,
    log,
  });
  const ignoreTimeline = database.timeline.onChange(() => {
    inHand.drop();
    slots.drop();
    jobs.replace();
  });
  let heartbeat: Heartbeat | undefined;
  const jobs = startJobs(database, jobTasks(run, slots), {
    concurrency: jobsAtATime,
    paused: pausedTasks(database),
    opened: () => heartbeat?.beat(),
    log,
  });
  heartbeat = startHeartbeat(database, id, {
    log,
    ...(pulse ? { pulse } : {}),
    pools: jobs.pools,
    register: () => registerProcess(database, vision, { id, ...process_ }),
    beaten: async () => {
      if (options.aliveFile !== undefined) await writeFile(options.aliveFile, '');
      await inHand.releaseOthers();
    },
  });
  slots.start();
  const presence = new Presence(database, tools.outgoing, id, log);
  const keepHead = headsFile(database, options.headsFile, log);
  const upkeep = startUpkeep(database, log, async () => {
    await keepHead();
    await presence.keep();
  });
  log.info({ worker: id, concurrency }, 'worker is up');

  return {
    id,
    nudge: () => slots.nudge(),
    async stop(graceMs = 8_000) {
      stopping = true;
      ignoreTimeline();
      await Promise.all([jobs.stop(graceMs), within(graceMs, slots.stop())]);
      await claims.handBack(slots.drop()).catch(() => {});
      await claims.release().catch(() => {});
      await unlockJobs(database, jobs).catch(() => {});
      heartbeat?.stop();
      await upkeep.stop();
      await presence.stop().catch(() => {});
      await sayGoodbye(database, id).catch(() => {});
    },
  };
};

/** Gives the jobs that are still locked by this process back to the queue. */
const unlockJobs = (database: Database, jobs: Jobs): Promise<unknown> =>
  database.pool.query('select graphile_worker.force_unlock_workers($1)', [jobs.pools()]);

const within = async (ms: number, ends: Promise<void>): Promise<void> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([ends, late]);
  clearTimeout(timer);
};
