import { hostname } from 'node:os';
import { type Job, runTaskList, type Task, type WorkerPool } from 'graphile-worker';
import { graphileLogger } from '../database/graphile-log.ts';
import type { Database } from '../database/pool.ts';
import type { Log } from '../log.ts';
import { type Delivery, type Handled, handle } from '../pipeline/handle.ts';
import { stages } from '../pipeline/index.ts';
import type { AnyStage, Item, Tools } from '../pipeline/stage.ts';
import { version } from '../version.ts';
import type { Vision } from '../vision/index.ts';
import { Relay } from './relay.ts';

/** A running worker: jobs, heartbeat and relay of one process. */
export interface Worker {
  /** Its row in `worker`. */
  readonly id: string;
  readonly relay: Relay;
  /**
   * Takes no new jobs, waits for the running ones, and after `graceMs` puts those that are left back into the queue.
   */
  stop(graceMs?: number): Promise<void>;
}

/** Milliseconds between heartbeats. */
const heartbeatEvery = 5_000;

/**
 * Starts to work on jobs.
 *
 * @param options.concurrency Jobs at a time.
 */
export const startWorker = async (
  tools: Tools,
  options: { concurrency: number; log: Log },
): Promise<Worker> => {
  const { database, vision } = tools;
  const { concurrency, log } = options;
  await registerModels(database, vision);
  const id = await registerProcess(database, { concurrency, models: vision.models.map((model) => model.id) });

  const relay = new Relay(database, log);
  const taskList = Object.fromEntries(stages.map((stage) => [stage.task, jobOf(stage, tools, id, relay)]));
  const jobs: WorkerPool = runTaskList(
    {
      pgPool: database.pool,
      logger: graphileLogger(log),
      // One owner for shutdown: the command that started this worker.
      noHandleSignals: true,
      preset: {
        worker: {
          concurrentJobs: concurrency,
          // LISTEN tells of new jobs at once; polling is for the case that it died unnoticed.
          pollInterval: 1_000,
          gracefulShutdownAbortTimeout: 60_000,
        },
      },
    },
    taskList,
    database.pool,
  );
  // The pool's own end is waited for in stop(); an error there is told by its events and must not end the process.
  jobs.promise.catch((error) => log.error({ reason: String(error) }, 'the job runner ended with an error'));
  await database.db
    .updateTable('watchpost.worker')
    .set({ pools: [jobs.id] })
    .where('id', '=', id)
    .execute();

  relay.start();
  const heart = startHeartbeat(database, id, log);
  log.info({ worker: id, concurrency }, 'worker is up');

  return {
    id,
    relay,
    async stop(graceMs = 8_000) {
      clearInterval(heart);
      await stopJobs(jobs, graceMs);
      await relay.stop();
      await sayGoodbye(database, id).catch(() => {});
    },
  };
};

/** A stage as a graphile-worker batch task: rejects just the items that are to be delivered again. */
const jobOf =
  (stage: AnyStage, tools: Tools, workerId: string, relay: Relay): Task =>
  async (payload, { job }) => {
    const items = (Array.isArray(payload) ? payload : [payload]) as Item[];
    const handled = await handle(stage, items, tools, deliveryOf(job, workerId));
    relay.nudge();
    const failed = handled.filter((one) => one.outcome === 'retry');
    if (failed.length === 0) return;
    if (!Array.isArray(payload)) throw errorOf(failed[0] as Handled);
    return handled.map((one) => (one.outcome === 'retry' ? Promise.reject(errorOf(one)) : Promise.resolve()));
  };

const deliveryOf = (job: Job, workerId: string): Delivery => ({
  workerId,
  attempt: job.attempts,
  mayRetry: job.attempts < job.max_attempts,
  redelivered: job.attempts > 1,
});

const errorOf = (handled: Handled): Error => new Error(`${handled.code}: ${handled.error}`);

/**
 * Makes the models of this process known to the database, so that rows can name them.
 *
 * @throws {WatchpostError} model_conflict (by SQLSTATE) if one is registered with other weights.
 */
export const registerModels = async (database: Database, vision: Vision): Promise<void> => {
  for (const model of vision.models) {
    await database.pool.query('select watchpost.register_model($1, $2, $3, $4, $5)', [
      model.id,
      model.role,
      model.sha256,
      model.dimension,
      model.licence,
    ]);
  }
};

/** Writes this process's row in `worker`. */
export const registerProcess = async (
  database: Database,
  process_: { concurrency: number; models: string[] },
): Promise<string> => {
  const { id } = await database.db
    .insertInto('watchpost.worker')
    .values({ host: hostname(), pid: process.pid, version, ...process_ })
    .returning('id')
    .executeTakeFirstOrThrow();
  return id;
};

const startHeartbeat = (database: Database, id: string, log: Log): NodeJS.Timeout =>
  setInterval(() => {
    database.pool
      .query('update watchpost.worker set last_seen = clock_timestamp() where id = $1', [id])
      .catch((error) => log.debug({ reason: String(error) }, 'a heartbeat failed'));
  }, heartbeatEvery).unref();

/** Records that this process ended in good order. */
export const sayGoodbye = async (database: Database, id: string): Promise<void> => {
  await database.pool.query(
    'update watchpost.worker set stopped_at = clock_timestamp(), last_seen = clock_timestamp() where id = $1',
    [id],
  );
};

const stopJobs = async (jobs: WorkerPool, graceMs: number): Promise<void> => {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), graceMs);
  });
  const graceful = Promise.resolve(jobs.gracefulShutdown('stopping')).then(() => 'stopped' as const);
  if ((await Promise.race([graceful, patience])) === 'late') {
    await Promise.race([
      jobs.forcefulShutdown('stopping, and out of time'),
      new Promise((r) => setTimeout(r, 1_500)),
    ]);
  }
  clearTimeout(timer);
};
