import { calmPulse, type Pulse } from '../config.ts';
import type { Database } from '../database/pool.ts';
import type { Log } from '../log.ts';

/** What a process tells with each beat. */
export interface SignOfLife {
  /** graphile-worker's pools of this process: what its jobs are locked by. */
  readonly pools: readonly string[];
  /** Ids of the jobs it is at. */
  readonly jobs: readonly string[];
}

/** The sign of life of one process, which also looks after the jobs of those that give none. */
export interface Heartbeat {
  /** Tasks that are paused for the whole fleet, at most a second old. */
  readonly paused: () => string[];
  /** Beats now: there is something new to tell. */
  readonly beat: () => void;
  stop(): void;
}

/** A heartbeat that waits for longer is worth nothing: on a dead connection it would be the end of the worker. */
const answerWithinMs = 4_000;

/**
 * Begins to beat into this process's row in `worker`, to rescue the jobs of dead workers, and to keep the list of paused
 * tasks. Failures are left to the next beat: whoever can not reach the database is rescued by those who can.
 *
 * @param living asked before each beat.
 */
export const startHeartbeat = (
  database: Database,
  workerId: string,
  options: { log: Log; pulse?: Pulse; living?: () => SignOfLife },
): Heartbeat => {
  const { log, pulse = calmPulse, living = () => ({ pools: [], jobs: [] }) } = options;
  const { heartbeatMs, deadAfterSeconds } = pulse;
  let paused: string[] = [];
  /** Since when every beat was answered, by performance.now(). */
  let heardSince = Number.NEGATIVE_INFINITY;

  const ask = async <Row extends object>(text: string, values: unknown[]): Promise<Row | undefined> => {
    const query = { text, values, query_timeout: Math.max(answerWithinMs, heartbeatMs) };
    const { rows } = await database.pool.query<Row>(query);
    return rows[0];
  };

  const beat = async () => {
    const { pools, jobs } = living();
    const life = await ask<{ was_lost: boolean; forgotten: number }>(
      'select was_lost, forgotten from watchpost.beat($1, $2, $3, make_interval(secs => $4))',
      [workerId, pools, jobs, deadAfterSeconds],
    ).catch((error) => {
      heardSince = Number.POSITIVE_INFINITY;
      throw error;
    });
    heardSince = Math.min(heardSince, performance.now());
    if (life?.was_lost) log.warn('this worker was taken for dead; its jobs may be done by others by now');
    if (life?.forgotten) log.warn({ jobs: life.forgotten }, 'released jobs that were given to nobody');
    // Who could not be heard could not hear the others either: after an outage, however long the database took to recover,
    // they have time to tell that they live.
    if (performance.now() < heardSince + (deadAfterSeconds * 1000) / 2) return;
    // By itself, so that trouble with the dead does not take the sign of life back.
    const rescue = await ask<{ released: number }>(
      'select watchpost.rescue(make_interval(secs => $1)) as released',
      [deadAfterSeconds],
    );
    if (rescue?.released) log.warn({ jobs: rescue.released }, 'released the jobs of dead workers');
  };

  const readPaused = async () => {
    const row = await ask<{ tasks: string[] }>(
      `select coalesce(array_agg(p.task), '{}') as tasks from watchpost.task_pause as p`,
      [],
    );
    paused = row?.tasks ?? [];
  };

  const beats = repeat(beat, heartbeatMs, log);
  const readings = repeat(readPaused, 1_000, log);
  return {
    paused: () => paused,
    beat: beats.now,
    stop() {
      beats.stop();
      readings.stop();
    },
  };
};

/** Runs at once and then again and again, never twice at a time; once more after this time if told so meanwhile. */
const repeat = (run: () => Promise<void>, ms: number, log: Log) => {
  let running = false;
  let again = false;
  const now = async () => {
    again = running;
    if (running) return;
    running = true;
    await run().catch((error) => log.debug({ reason: String(error) }, 'a heartbeat failed'));
    running = false;
    if (again) void now();
  };
  void now();
  const timer = setInterval(() => running || void now(), ms).unref();
  return {
    now: () => void now(),
    stop() {
      again = false;
      clearInterval(timer);
    },
  };
};
