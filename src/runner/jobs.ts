import { EventEmitter } from 'node:events';
import { runTaskList, type TaskList, type WorkerEvents, type WorkerPool } from 'graphile-worker';
import { graphileLogger } from '../database/graphile-log.ts';
import type { Database } from '../database/pool.ts';
import { promptPool } from '../database/prompt-pool.ts';
import type { Log } from '../log.ts';

/**
 * graphile-worker's pool of one process, kept running: it runs what is to be tried again, and what waits for other
 * servers. Its states:
 *
 *   running   takes jobs. If the database goes away while a job is to be completed, graphile-worker ends the pool
 *             rather than go on with a queue whose state it does not know; or only the slot of that job, and a pool
 *             without slots takes no job ever again.
 *   ended     by itself, because its last slot has ended, or because it is to be replaced. Waits, longer from time to
 *             time, until the database answers; then unlocks what the ended pool has locked and starts a new one. What was
 *             done already is found done, behind the fence.
 *   stopped   for good.
 */
export interface Jobs {
  /** Ids of graphile-worker's pools of this process: one, and while one ends and another begins both. */
  readonly pools: () => string[];
  /** Gives up what the pool has in hand and starts another one. */
  replace(): void;
  /**
   * Takes no new jobs and waits for the running ones; after `graceMs` puts those that are left back into the queue.
   */
  stop(graceMs: number): Promise<void>;
}

/** Milliseconds after which a pool that is to end is taken for ended: its own steps give up after 5 s. */
const endsWithinMs = 6_000;

/** Milliseconds before the first and before later attempts to start anew. */
const pauses = { first: 250, longest: 5_000 };

/**
 * Starts to take jobs.
 *
 * @param options.paused names the tasks that are not to be taken up now; asked before each fetch.
 * @param options.opened is called with each new pool: its id must be written down, because jobs are locked by it.
 */
export const startJobs = (
  database: Database,
  tasks: TaskList,
  options: { concurrency: number; paused: () => Promise<string[]>; opened: () => void; log: Log },
): Jobs => {
  const { concurrency, paused, opened, log } = options;
  const pools = new Set<string>();
  const pgPool = promptPool(database.pool);
  let stopping = false;
  let current: WorkerPool;
  let currentEnded: () => void;
  open();

  function open(): void {
    const events: WorkerEvents = new EventEmitter();
    const pool = runTaskList(
      {
        pgPool,
        logger: graphileLogger(log),
        // One owner for shutdown: the command that started this worker.
        noHandleSignals: true,
        forbiddenFlags: paused,
        events,
        preset: {
          worker: {
            concurrentJobs: concurrency,
            // LISTEN tells of new jobs at once; polling is for those whose pause is over, and for a LISTEN that died.
            pollInterval: 2_000,
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
    let slots = concurrency;
    events.on('worker:stop', () => {
      slots--;
      if (slots === 0 && pool === current && !stopping) replace();
    });
    current = pool;
    pools.add(pool.id);
    opened();
    let over = false;
    const ended = () => {
      if (over) return;
      over = true;
      void reopen(pool.id);
    };
    currentEnded = ended;
    void pool.promise.catch(() => {}).then(ended);
  }

  /**
   * The end of a pool is not waited for without end: of one whose slots have ended while it was stopping by itself,
   * graphile-worker never settles the promise.
   */
  function replace(): void {
    const ended = currentEnded;
    const late = setTimeout(ended, endsWithinMs).unref();
    void Promise.resolve(current.forcefulShutdown('the pool is replaced'))
      .catch(() => {})
      .then(() => {
        clearTimeout(late);
        ended();
      });
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
    replace,
    async stop(graceMs) {
      stopping = true;
      await stopPool(current, graceMs);
    },
  };
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
