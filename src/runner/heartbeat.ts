import { calmPulse, type Pulse } from '../config.ts';
import type { Database } from '../database/pool.ts';
import type { Log } from '../log.ts';

/** The sign of life of one process, which also looks after the jobs of those that give none. */
export interface Heartbeat {
  /** Beats now: there is something new to tell. */
  readonly beat: () => void;
  stop(): void;
}

/** A heartbeat that waits for longer is worth nothing: on a dead connection it would be the end of the worker. */
const answerWithinMs = 4_000;

/**
 * Begins to beat into this process's row in `worker`, and to rescue what dead workers have claimed. Failures are left to
 * the next beat: whoever can not reach the database is rescued by those who can.
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
    // they have time to tell that they live.
    if (performance.now() < heardSince + (deadAfterSeconds * 1000) / 2) return;
    // By itself, so that trouble with the dead does not take the sign of life back.
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
