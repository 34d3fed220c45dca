import { calmPulse, type Pulse } from '../config.ts';
import type { Database } from '../database/pool.ts';
import type { Log } from '../log.ts';

/** The heartbeat of one process, which also releases the work of processes without one. */
export interface Heartbeat {
  /** Sends a heartbeat at once, because what it reports has changed. */
  readonly beat: () => void;
  stop(): void;
}

/** Milliseconds to wait for an answer; with a longer wait on a dead connection others would count this worker as dead. */
const answerWithinMs = 4_000;

/**
 * Starts to write heartbeats to this process's row in `worker`, and to release what dead workers have claimed. A
 * heartbeat that fails is followed by the next one: a process that cannot reach the database is rescued by those that
 * can.
 *
 * @param options.pools the ids of graphile-worker's pools of this process, by which its jobs are locked.
 * @param options.register writes the row again, with the same id: a failover may have lost it.
 * @param options.beaten is called after each beat.
 */
export const startHeartbeat = (
  database: Database,
  workerId: string,
  options: {
    log: Log;
    pulse?: Pulse;
    pools?: () => readonly string[];
    register: () => Promise<unknown>;
    beaten?: () => Promise<void>;
  },
): Heartbeat => {
  const { log, pulse = calmPulse, pools = () => [], register, beaten } = options;
  const { heartbeatMs, deadAfterSeconds } = pulse;
  /** Since when every beat was answered, by performance.now(). */
  let heardSince = Number.NEGATIVE_INFINITY;

  const ask = async <Row extends object>(text: string, values: unknown[]): Promise<Row | undefined> => {
    const query = { text, values, query_timeout: Math.max(answerWithinMs, heartbeatMs) };
    const { rows } = await database.pool.query<Row>(query);
    return rows[0];
  };

  const beat = async (): Promise<void> => {
    const life = await ask<{ is_known: boolean; was_lost: boolean }>(
      'select is_known, was_lost from watchpost.beat($1, $2)',
      [workerId, pools()],
    ).catch((error) => {
      heardSince = Number.POSITIVE_INFINITY;
      throw error;
    });
    heardSince = Math.min(heardSince, performance.now());
    if (life?.was_lost)
      log.warn('this worker was taken for dead; its events may be handled by others by now');
    if (life && !life.is_known) {
      log.warn(
        'the database does not know this process, as after a failover that lost its row; registering again',
      );
      await register();
      return beat();
    }
    await beaten?.();
    // Who could not be heard could not hear the others either: after an outage, however long the database took to recover,
    // they are given time for a heartbeat.
    if (performance.now() < heardSince + (deadAfterSeconds * 1000) / 2) return;
    // In a statement of its own, so that a failure here does not roll back the heartbeat.
    const rescue = await ask<{ released: number }>(
      'select watchpost.rescue(make_interval(secs => $1)) as released',
      [deadAfterSeconds],
    );
    if (rescue?.released) log.warn({ released: rescue.released }, 'released what dead workers had claimed');
  };

  const beats = repeat(beat, heartbeatMs, log);
  return {
    beat: beats.now,
    stop() {
      beats.stop();
    },
  };
};

/** Runs at once and then at intervals, never concurrently; `now` during a run makes another one follow it. */
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
