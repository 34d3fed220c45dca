import pg from 'pg';
import type { Fleet, Slot } from './fleet.ts';

/** A fault whose end is awaited. */
interface Wound {
  readonly fault: string;
  /** When the fault was injected or, if it lasts, when it ended. */
  readonly since: number;
  /** Pools of the workers whose claims and locks must be gone. */
  readonly pools: readonly string[];
  /** Slots that were not seen back yet. */
  readonly missing: Set<Slot>;
  healed(seconds: number): void;
}

interface Beat {
  readonly pid: number;
  readonly last_seen: Date;
  readonly lost: boolean;
  readonly pools: string[];
}

/**
 * Watches an installation from outside, four times a second, and measures how long it takes to recover.
 *
 * A fault's recovery begins when the signal was sent; of a lasting fault (a stopped database or process, a blackhole)
 * when that ended; for a database, when `pg_ctl start` was called. It ends at the first poll that finds all of:
 * - a handling row that was written after the beginning;
 * - of every process of the fleet, or of the one that replaced it, a heartbeat after the beginning while it did not
 *   count as dead (at this poll or an earlier one: it may have been killed again by a later fault);
 * - nothing claimed, and no job locked, by a process that the fault killed.
 * Other faults happen meanwhile, and their time is not subtracted, so the figure is an upper bound.
 */
export class Watch {
  readonly #pool: pg.Pool;
  readonly #fleet: Fleet;
  readonly #wounds = new Set<Wound>();
  readonly #timer: NodeJS.Timeout;
  readonly #recoveries: { fault: string; seconds: number }[] = [];
  #polling = false;
  #beats = new Map<number, Beat>();
  /** The result of the last poll. */
  seen = { handlings: 0, outbox: 0, jobs: 0 };

  constructor(url: string, fleet: Fleet) {
    // Under another name than Watchpost's own connections, so that the fault that terminates those spares it.
    this.#pool = new pg.Pool({
      connectionString: url,
      max: 2,
      application_name: 'watch',
      query_timeout: 10_000,
    });
    this.#pool.on('error', () => {});
    this.#pool.on('connect', (client) => client.on('error', () => {}));
    this.#fleet = fleet;
    this.#timer = setInterval(() => void this.#poll(), 250);
  }

  /** Begins to measure. */
  wounded(fault: string, pools: readonly string[] = []): Promise<number> {
    return new Promise((healed) => {
      this.#wounds.add({ fault, since: Date.now(), pools, missing: new Set(this.#fleet.slots), healed });
    });
  }

  /** The pools of a slot's process, as last seen: what its jobs are locked by. */
  poolsOf(slot: Slot): string[] {
    return this.#beats.get(slot.process.pid ?? -1)?.pools ?? [];
  }

  get recoveries(): readonly { fault: string; seconds: number }[] {
    return this.#recoveries;
  }

  /** Faults that are not recovered from yet, with the seconds since each. */
  get open(): { fault: string; seconds: number }[] {
    return [...this.#wounds].map(({ fault, since }) => ({ fault, seconds: (Date.now() - since) / 1000 }));
  }

  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    try {
      const { rows } = await this.#pool.query<{
        latest: Date | null;
        beats: { pid: number; last_seen: string; lost: boolean; pools: string[] }[];
        lockers: string[];
        handlings: number;
        outbox: number;
        jobs: number;
      }>(
        `select
           (select h.created_at from watchpost.handling as h order by h.id desc limit 1) as latest,
           (
             select coalesce(json_agg(json_build_object('pid', w.pid, 'last_seen', w.last_seen,
               'lost', w.lost_at is not null, 'pools', w.pools) order by w.started_at), '[]')
             from watchpost.worker as w where w.pid = any ($1)
           ) as beats,
           (
             select coalesce(array_agg(distinct h.holder), '{}')
             from (
               select j.locked_by from graphile_worker.jobs as j
               union all
               select unnest(w.pools) from watchpost.claim as c join watchpost.worker as w on w.id = c.worker_id
             ) as h (holder)
             where h.holder is not null
           ) as lockers,
           (select count(*)::integer from watchpost.handling as h where h.outcome = 'done') as handlings,
           (select count(*)::integer from watchpost.outbox) as outbox,
           (select count(*)::integer from graphile_worker.jobs)
             + (select coalesce(sum(cardinality(c.events)), 0)::integer from watchpost.claim as c) as jobs`,
        [this.#fleet.slots.map((slot) => slot.process.pid)],
      );
      const [row] = rows;
      if (row) this.#judge(row);
    } catch {
      // The database is away, so nothing has recovered.
    } finally {
      this.#polling = false;
    }
  }

  #judge(row: {
    latest: Date | null;
    beats: { pid: number; last_seen: string; lost: boolean; pools: string[] }[];
    lockers: string[];
    handlings: number;
    outbox: number;
    jobs: number;
  }): void {
    this.seen = { handlings: row.handlings, outbox: row.outbox, jobs: row.jobs };
    this.#beats = new Map(
      row.beats.map((beat) => [beat.pid, { ...beat, last_seen: new Date(beat.last_seen) }]),
    );
    for (const slot of this.#fleet.slots) {
      if (slot.state === 'starting' && this.#beats.has(slot.process.pid ?? -1)) slot.state = 'up';
    }
    for (const wound of this.#wounds) {
      for (const slot of wound.missing) {
        const beat = this.#beats.get(slot.process.pid ?? -1);
        const back = beat && !beat.lost && beat.last_seen.getTime() > wound.since;
        if (back) wound.missing.delete(slot);
      }
      const effect = row.latest !== null && row.latest.getTime() > wound.since;
      const locked = wound.pools.some((pool) => row.lockers.includes(pool));
      // A process that another fault holds now is awaited by that fault.
      const missing = [...wound.missing].some((slot) => slot.state !== 'held');
      if (missing || !effect || locked) continue;
      const seconds = (Date.now() - wound.since) / 1000;
      this.#wounds.delete(wound);
      this.#recoveries.push({ fault: wound.fault, seconds });
      wound.healed(seconds);
    }
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    await this.#pool.end();
  }
}
