import { EventEmitter } from 'node:events';
import { runTaskList, type TaskList, type WorkerEvents, type WorkerPool } from 'graphile-worker';
import { graphileLogger } from '../database/graphile-log.ts';
import type { Database } from '../database/pool.ts';
import { promptPool } from '../database/prompt-pool.ts';
import type { Log } from '../log.ts';

/**
 * graphile-worker's pool of one process, kept running. Its states:
 *
 *   running   takes jobs. If the database goes away while a job is to be completed, graphile-worker ends the pool
 *             rather than go on with a queue whose state it does not know.
 *   ended     waits, longer from time to time, until the database answers; then releases what the ended pool has
 *             locked and starts a new one. What was done already is found done, behind the fence.
 *   stopped   for good.
 */
export interface Jobs {
  /** Ids of graphile-worker's pools of this process: one, and while one ends and another begins both. */
  readonly pools: () => string[];
  /**
   * Takes no new jobs and waits for the running ones; after `graceMs` puts those that are left back into the queue.
   */
  stop(graceMs: number): Promise<void>;
}

/** Milliseconds before the first and before later attempts to start anew. */
const pauses = { first: 250, longest: 5_000 };

/**
 * Starts to take jobs.
 *
 * @param options.paused names the tasks that are not to be taken up now; asked before each fetch.
 * @param options.opened is told of each new pool: its id must be written down, because jobs are locked by it.
 * @param options.busy is told whether every slot is at a job, or about to ask for one.
 */
export const startJobs = (
  database: Database,
  tasks: TaskList,
  options: {
    concurrency: number;
    paused: () => string[];
    opened: () => void;
    busy?: (busy: boolean) => void;
    log: Log;
  },
): Jobs => {
  const { concurrency, paused, opened, busy, log } = options;
  const pools = new Set<string>();
  const pgPool = promptPool(database.pool);
  let stopping = false;
  let current: WorkerPool;
  open();

  function open(): void {
    const slots = watchSlots(concurrency, busy);
    const pool = runTaskList(
      {
        pgPool,
        logger: graphileLogger(log),
        // One owner for shutdown: the command that started this worker.
        noHandleSignals: true,
        forbiddenFlags: paused,
        events: slots.events,
        preset: {
          worker: {
            concurrentJobs: concurrency,
            // LISTEN tells of new jobs at once; polling is for the case that it died unnoticed.
            pollInterval: 1_000,
            gracefulShutdownAbortTimeout: 60_000,
            // Without batching, a completion that fails is a rejection that nobody handles, which ends the process.
            completeJobBatchDelay: 0,
            failJobBatchDelay: 0,
          },
        },
      },
      tasks,
      pgPool,
    );
    current = pool;
    pools.add(pool.id);
    opened();
    // A pool of graphile-worker 0.18 that fails to complete two jobs stops its slots, and then never ends.
    const ended = Promise.race([pool.promise.catch(() => {}), slots.stopped]);
    void ended.then(() => reopen(pool.id));
  }

  async function reopen(endedPool: string): Promise<void> {
    for (let pause = pauses.first; !stopping; pause = Math.min(pause * 2, pauses.longest)) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (stopping) return;
      try {
        await database.pool.query('select graphile_worker.force_unlock_workers(array[$1])', [endedPool]);
        pools.delete(endedPool);
        open();
        log.info('took up work again');
        return;
      } catch (error) {
        log.debug({ reason: String(error) }, 'still no database');
      }
    }
  }

  return {
    pools: () => [...pools],
    async stop(graceMs) {
      stopping = true;
      await stopPool(current, graceMs);
    },
  };
};

/**
 * Watches the slots of one pool. A slot that found no job is idle until it starts one.
 *
 * @returns `stopped` resolves when no slot is left.
 */
const watchSlots = (concurrency: number, busy: (busy: boolean) => void = () => {}) => {
  const events: WorkerEvents = new EventEmitter();
  const idle = new Set<string>();
  events.on('worker:getJob:empty', ({ worker }) => {
    idle.add(worker.workerId);
    busy(false);
  });
  events.on('job:start', ({ worker }) => {
    idle.delete(worker.workerId);
    busy(idle.size === 0);
  });
  const stopped = new Promise<void>((resolve) => {
    let left = concurrency;
    events.on('worker:stop', () => {
      left -= 1;
      if (left === 0) resolve();
    });
  });
  return { events, stopped };
};

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
