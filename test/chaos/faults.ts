import pg from 'pg';
import type { Postgres } from '../support/postgres.ts';
import type { Fleet, Slot } from './fleet.ts';
import type { Random } from './random.ts';
import { trapFirst } from './trap.ts';
import type { Watch } from './watch.ts';

/**
 * The moments at which a worker is killed: the statements by which stages write, which are prepared under these names,
 * and those between them, where something is committed and another process has not learned of it.
 */
const statements: Record<string, string> = {
  detect: 'watchpost-detect',
  embed: 'watchpost-embed',
  match: 'watchpost-match',
  alert: 'watchpost-alert',
  notify: 'watchpost-notify',
  claim: 'watchpost-claim',
  fence: 'watchpost-fence',
};
export const killMoments = [...Object.keys(statements), 'any'];

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** How long lasting faults last, in ms. */
export interface Lengths {
  /** Longer than the rescue time: its jobs are done by others when a stopped worker goes on. */
  readonly stopped: number;
  /** Longer than the time-outs of queries. */
  readonly blackholed: number;
  /** How long Postgres is away. */
  readonly away: readonly [least: number, most: number];
  /** How long connections are terminated, five a second. */
  readonly terminating: number;
}

/** What can be done to an installation, with what was done counted. */
export class Faults {
  readonly counts = {
    kills: 0,
    api_kills: 0,
    db_restarts: 0,
    terminated_backends: 0,
    blackholes: 0,
    suspensions: 0,
  };
  readonly killsAt: Record<string, number> = {};
  readonly #fleet: Fleet;
  readonly #watch: Watch;
  readonly #postgres: Postgres | undefined;
  readonly #url: string;
  readonly #random: Random;
  readonly #lengths: Lengths;
  readonly #recovered: Promise<number>[] = [];
  /** One kill after the other. */
  #killing = Promise.resolve();

  constructor(options: {
    fleet: Fleet;
    watch: Watch;
    postgres: Postgres | undefined;
    url: string;
    random: Random;
    lengths: Lengths;
  }) {
    this.#fleet = options.fleet;
    this.#watch = options.watch;
    this.#postgres = options.postgres;
    this.#url = options.url;
    this.#random = options.random;
    this.#lengths = options.lengths;
  }

  /** Resolves when everything that was done so far is recovered from. */
  async recovered(): Promise<void> {
    await Promise.all(this.#recovered);
  }

  #wounded(fault: string, pools: readonly string[] = []): void {
    this.#recovered.push(this.#watch.wounded(fault, pools));
  }

  /** Kills whichever worker comes to a moment first; any worker, if none comes there within 2 s. */
  async killWorker(moment: string): Promise<void> {
    this.#killing = this.#killing.then(async () => {
      await this.#enough();
      await this.#killAt(moment);
    });
    await this.#killing;
  }

  async #killAt(moment: string): Promise<void> {
    const statement = statements[moment];
    const after = this.#random.chance(0.5) ? ('after' as const) : ('answered' as const);
    const kind = this.#random.chance(0.3) ? ('before' as const) : after;
    const victim = statement
      ? await trapFirst(this.#fleet.up('worker'), { statement, moment: kind }, 2_000)
      : this.#random.pick(this.#fleet.up('worker'));
    const slot = victim ?? this.#random.pick(this.#fleet.up('worker'));
    if (!slot) {
      await sleep(500);
      return this.#killAt(moment);
    }
    const at = victim ? moment : 'any';
    this.#kill(slot, `kill at ${at}`);
    this.counts.kills += 1;
    this.killsAt[at] = (this.killsAt[at] ?? 0) + 1;
  }

  /** Kills the API when the database has answered that a photo is in, and nobody else knows yet. */
  async killApi(): Promise<void> {
    const slot = await trapFirst(
      this.#fleet.up('api'),
      { statement: 'watchpost.receive_image(', moment: 'answered' },
      10_000,
    );
    if (!slot) return;
    this.#kill(slot, 'kill of the API');
    this.counts.api_kills += 1;
  }

  #kill(slot: Slot, fault: string): void {
    const pools = this.#watch.poolsOf(slot);
    this.#fleet.kill(slot);
    slot.state = 'starting';
    this.#wounded(fault, pools);
  }

  /** Postgres crashes, is away for some seconds, and recovers. */
  async restartPostgres(): Promise<void> {
    if (!this.#postgres) return;
    await this.#postgres.crash();
    await sleep(this.#random.between(...this.#lengths.away));
    this.#wounded('restart of Postgres');
    await this.#postgres.start();
    this.counts.db_restarts += 1;
  }

  /** Ends connections of Watchpost, and of those who insert, five a second. */
  async terminateBackends(): Promise<void> {
    const until = Date.now() + this.#lengths.terminating;
    const pool = new pg.Pool({
      connectionString: this.#url,
      max: 1,
      application_name: 'terminator',
      query_timeout: 5_000,
    });
    pool.on('error', () => {});
    pool.on('connect', (client) => client.on('error', () => {}));
    while (Date.now() < until) {
      await sleep(200);
      try {
        const { rows } = await pool.query<{ pid: number }>(
          `select pid from pg_stat_activity where application_name = 'watchpost' order by backend_start`,
        );
        const victim = this.#random.pick(rows);
        if (!victim) continue;
        const { rows: ended } = await pool.query('select pg_terminate_backend($1) as ended', [victim.pid]);
        if (ended[0].ended) this.counts.terminated_backends += 1;
      } catch {
        // Another fault was faster.
      }
    }
    this.#wounded('terminated connections');
    await pool.end();
  }

  /** Cuts one worker off: every byte between it and the database vanishes. */
  async blackhole(): Promise<void> {
    const slot = await this.#hold();
    slot.proxy.blackhole();
    await sleep(this.#lengths.blackholed);
    slot.proxy.open();
    this.#release(slot);
    this.counts.blackholes += 1;
    this.#wounded('black hole');
  }

  /** Stops a worker for longer than it takes to be given up, and lets it go on with what it had begun. */
  async suspend(): Promise<void> {
    const slot = await this.#hold();
    slot.process.kill('SIGSTOP');
    await sleep(this.#lengths.stopped);
    slot.process.kill('SIGCONT');
    this.#release(slot);
    this.counts.suspensions += 1;
    this.#wounded('suspension');
  }

  /**
   * Waits until all workers but one are up, or held by another fault: on a slow machine kills come no faster than
   * processes start, or nobody would ever get to work.
   */
  async #enough(): Promise<void> {
    const starting = () =>
      this.#fleet.slots.filter((slot) => slot.kind === 'worker' && slot.state === 'starting');
    while (starting().length > 1) await sleep(100);
  }

  /** A worker for a fault that lasts; another at least goes on. */
  async #hold(): Promise<Slot> {
    for (;;) {
      const up = this.#fleet.up('worker');
      const slot = up.length >= 2 ? this.#random.pick(up) : undefined;
      if (slot) {
        slot.state = 'held';
        return slot;
      }
      await sleep(200);
    }
  }

  /** A process that has ended meanwhile was replaced, and is starting. */
  #release(slot: Slot): void {
    if (slot.state === 'held') slot.state = 'up';
  }
}
