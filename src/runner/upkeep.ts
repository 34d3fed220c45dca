import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Database } from '../database/pool.ts';
import { isDatabaseAway } from '../database-errors.ts';
import type { Log } from '../log.ts';

/** Milliseconds between checks for due tasks. Their own intervals, 10 s or more, are in the table `upkeep_task`. */
const every = 5_000;

/** No limit: counting the rows of a large partition that is to be dropped, or making an index, takes as long as it takes. */
const patience = 2 ** 31 - 1;

/**
 * What is done regularly for the whole database: sealing the record, making partitions, retiring them, indexes, deleting
 * what is kept no longer.
 */
interface Upkeep {
  /** Resolves when the task under way, if any, has ended; there will be no other. */
  stop(): Promise<void>;
}

/**
 * Starts the upkeep of the database. The database decides what is due and lets one process at a time do it, so every
 * worker runs this, and the upkeep continues if any of them dies. `keepHead` is what each process does by itself. Its states:
 *
 *   waiting   for the timer.
 *   working   one task after the other, each a transaction of its own, until none is due. A batch of seals or of what
 *             is purged leaves its task due while there is more.
 *   stopped   for good.
 */
export const startUpkeep = (
  database: Database,
  log: Log,
  keepHead: () => Promise<void> = async () => {},
): Upkeep => {
  const ended = new AbortController();
  let working: Promise<void> | undefined;

  const work = async () => {
    try {
      while (!ended.signal.aborted) {
        const { rows } = await database.pool.query<Done>({
          text: 'select task, result, error, rest_ms from watchpost.upkeep()',
          query_timeout: patience,
        } as pg.QueryConfig);
        const [done] = rows;
        if (!done?.task) break;
        if (done.error) log.warn({ task: done.task, reason: done.error }, 'upkeep failed; it is tried again');
        else log.debug({ task: done.task, result: done.result }, 'upkeep done');
        if (done.rest_ms) await sleep(done.rest_ms, undefined, { signal: ended.signal }).catch(() => {});
      }
      if (!ended.signal.aborted) await keepHead();
    } catch (error) {
      // An outage is logged by `Outage`.
      log[isDatabaseAway(error) ? 'debug' : 'warn']({ reason: String(error) }, 'no upkeep now');
    }
  };

  const tick = () => {
    working ??= work().finally(() => {
      working = undefined;
    });
  };
  tick();
  // Between the heartbeats, so that an idle process needs one connection for both.
  let timer = setTimeout(() => {
    timer = setInterval(tick, every).unref();
  }, every / 2).unref();

  return {
    async stop() {
      ended.abort();
      clearInterval(timer);
      await working;
    },
  };
};

interface Done {
  readonly task: string | null;
  readonly result: string | null;
  readonly error: string | null;
  /** Milliseconds to leave to the photos that arrive. */
  readonly rest_ms: number | null;
}
