import { EventEmitter } from 'node:events';
import {
  type RunnerOptions,
  runTaskList,
  type TaskList,
  type WorkerEvents,
  type WorkerPool,
} from 'graphile-worker';
import { graphileLogger } from '../database/graphile-log.ts';
import type { Database } from '../database/pool.ts';
import { promptPool } from '../database/prompt-pool.ts';
import type { Log } from '../log.ts';

/**
 * graphile-worker's pool of one process, which is replaced when it ends. It runs retries, and messages to other
 * servers. Its states:
 *
 *   running   takes jobs. If the database goes away while a job is being completed, graphile-worker ends the whole
 *             pool, as the state of the queue is unknown; or it ends only the slot of that job, and a pool without
 *             slots takes no more jobs.
 *   ended     by itself, because its last slot has ended, or because it is to be replaced. Waits, with growing pauses,
 *             until the database answers; then unlocks the jobs of the ended pool and starts a new one. A job that was
 *             already done is recognised by the fence.
 *   stopped   for good.
 */
export interface Jobs {
  /** Ids of graphile-worker's pools of this process: one, or two while one ends and another begins. */
  readonly pools: () => string[];
  /** Gives up the running jobs of the pool and starts another one. */
  replace(): void;
  /**
   * Takes no new jobs and waits for the running ones; after `graceMs` puts those that are left back into the queue.
   */
  stop(graceMs: number): Promise<void>;
}

/** Milliseconds before the first and before later attempts to start a new pool. */
const pauses = { first: 250, longest: 5_000 };

const poolOptions = (concurrency: number): RunnerOptions => ({
  // One owner for shutdown: the command that started this worker.
  noHandleSignals: true,
  preset: {
    worker: {
      concurrentJobs: concurrency,
      // LISTEN announces new jobs at once. Each slot polls by itself, for jobs whose pause is over.
      pollInterval: 2_000,
      gracefulShutdownAbortTimeout: 60_000,
      // Without batching, a completion that fails is an unhandled rejection, which ends the process.
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
    },
  },
});

/**
 * Starts to take jobs.
 *
 * @param options.paused returns the tasks of which no jobs may be taken now; called before each fetch.
 * @param options.opened is called with each new pool: its id must be recorded, because jobs are locked by it.
 */
export const startJobs = (
  database: Database,
  tasks: TaskList,
  options: { concurrency: number; paused: () => Promise<string[]>; opened: () => void; log: Log },
): Jobs => {
  const { concurrency, paused, opened, log } = options;
  const pools = new Set<string>();
  const ended = new WeakSet<WorkerPool>();
  let stopping = false;
  let current: WorkerPool;
  open();

  function open(): void {
    const events: WorkerEvents = new EventEmitter();
    const pgPool = promptPool(database.jobs);
    const pool = runTaskList(
      { ...poolOptions(concurrency), pgPool, logger: graphileLogger(log), forbiddenFlags: paused, events },
      tasks,
      pgPool,
    );
    current = pool;
    pools.add(pool.id);
    opened();
    // graphile-worker 0.18 that fails to complete two jobs at a time stops its slots, and its promise never settles.
    void Promise.race([pool.promise.catch(() => {}), untilNoSlot(events, concurrency)]).then(() =>
      reopen(pool),
    );
  }

  async function reopen(pool: WorkerPool): Promise<void> {
    if (stopping || ended.has(pool)) return;
    ended.add(pool);
    // So that it releases its connection, too.
    void Promise.resolve(pool.forcefulShutdown('the pool is replaced')).catch(() => {});
    for (let pause = pauses.first; !stopping; pause = Math.min(pause * 2, pauses.longest)) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (stopping) return;
      try {
        await database.pool.query('select graphile_worker.force_unlock_workers(array[$1])', [pool.id]);
        pools.delete(pool.id);
        open();
        log.info('jobs are taken again');
        return;
      } catch (error) {
        log.debug({ reason: String(error) }, 'still no database');
      }
    }
  }

  return {
    pools: () => [...pools],
    replace: () => void reopen(current),
    async stop(graceMs) {
      stopping = true;
      await stopPool(current, graceMs);
    },
  };
};

/** Resolves when a pool has no slot left. */
const untilNoSlot = (events: WorkerEvents, concurrency: number): Promise<void> =>
  new Promise((resolve) => {
    let left = concurrency;
    events.on('worker:stop', () => {
      left -= 1;
      if (left === 0) resolve();
    });
  });

const stopPool = async (pool: WorkerPool, graceMs: number): Promise<void> => {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), graceMs);
  });
  const graceful = Promise.resolve(pool.gracefulShutdown('stopping')).then(
    () => 'stopped' as const,
    () => 'stopped' as const,
  );
  if ((await Promise.race([graceful, patience])) === 'late') {
    const forced = Promise.resolve(pool.forcefulShutdown('stopping, and out of time')).catch(() => {});
    await Promise.race([forced, new Promise((resolve) => setTimeout(resolve, 1_500))]);
  }
  clearTimeout(timer);
};
