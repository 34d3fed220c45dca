import type { Database } from '../database/pool.ts';
import { isDatabaseAway } from '../errors.ts';
import type { Log } from '../log.ts';

/**
 * The relay of one process turns outbox rows into jobs. It is in one of these states:
 *
 *   idle      waiting for a timer: `fastest` after rows were found, doubling up to `slowest` while none are.
 *   gathering waiting for a timer of `gathered` while every slot of this process is at work, or for the first slot that
 *             finds no job.
 *   relaying  one `watchpost.relay()` is under way. A nudge meanwhile makes it go round once more, because rows that
 *             were committed after the statement began are not seen by it.
 *   stopped   for good.
 *
 * A photo that is posted to this process while one of its slots is free becomes a job in the transaction that writes it
 * (handsOver), and of what its worker writes only the rest comes here: what is not urgent, or too much for one (worker.ts).
 * That comes with a nudge: while every slot is at work, what several photos have led to is gathered, and goes on in one
 * job instead of one each. Rows written by anybody else are found by polling, and a poll that meets another one gives way
 * and backs off: of many idle processes few poll fast.
 */
export class Relay {
  readonly #database: Database;
  readonly #log: Log;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer ends, by performance.now(). */
  #due = 0;
  #delay = fastest;
  #running: Promise<void> | undefined;
  #again = false;
  #polls = false;
  #handedOver = Number.NEGATIVE_INFINITY;
  #busy = false;
  #stopped = false;

  constructor(database: Database, log: Log) {
    this.#database = database;
    this.#log = log;
  }

  /** Begins to poll. Without it the relay only follows nudges. */
  start(): void {
    this.#polls = true;
    this.#schedule();
  }

  /**
   * Tells that this process has committed outbox rows.
   *
   * @returns when they are relayed; at once while they are gathered.
   */
  async nudge(): Promise<void> {
    this.#again = true;
    if (!this.#busy) {
      this.#run(false);
      await this.#running;
    } else if (!this.#running && !(this.#due <= performance.now() + gathered)) this.#schedule();
  }

  /**
   * Whether rows that are about to be written are to become jobs in their own transaction; else nudge when they are
   * committed. Every `together` ms at most, as each makes a NOTIFY, for which all that commit wait for each other.
   */
  handsOver(): boolean {
    const now = performance.now();
    if (this.#busy || this.#stopped || now < this.#handedOver + together) return false;
    this.#handedOver = now;
    return true;
  }

  /** Whether every slot of this process is at work. */
  get busy(): boolean {
    return this.#busy;
  }

  /** Tells whether every slot of this process is at work. When the first one is not any more, what was gathered is relayed. */
  setBusy(busy: boolean): void {
    this.#busy = busy;
    if (!busy && this.#again) this.#run(false);
  }

  /** Resolves when the round under way, if any, has ended; there will be no other. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #schedule(): void {
    if (this.#stopped || !(this.#polls || this.#again)) return;
    clearTimeout(this.#timer);
    const delay = this.#busy ? gathered : this.#delay;
    this.#due = performance.now() + delay;
    this.#timer = setTimeout(() => this.#run(!this.#again), delay);
  }

  #run(patient: boolean): void {
    if (this.#stopped || this.#running) return;
    clearTimeout(this.#timer);
    this.#due = Number.POSITIVE_INFINITY;
    this.#running = this.#rounds(patient).finally(() => {
      this.#running = undefined;
      // A nudge that came after the last look and before this moment.
      if (this.#again && !this.#busy) this.#run(false);
      else this.#schedule();
    });
  }

  async #rounds(patient: boolean): Promise<void> {
    try {
      let relayed: number | null;
      do {
        const nudged = this.#again;
        this.#again = false;
        relayed = await this.#relay(patient && !nudged);
        this.#delay = relayed ? fastest : Math.min(this.#delay * 2, slowest);
      } while (!this.#stopped && ((this.#again && !this.#busy) || (relayed ?? 0) >= roundSize));
      this.#database.outage.over();
    } catch (error) {
      this.#delay = afterFailure;
      if (isDatabaseAway(error)) this.#database.outage.noticed(error);
      else this.#log.error({ reason: String(error) }, 'the relay can not relay; it goes on trying');
    }
  }

  async #relay(patient: boolean): Promise<number | null> {
    const query = {
      name: 'watchpost-relay',
      text: 'select watchpost.relay($1, $2) as relayed',
      values: [roundSize, patient],
      query_timeout: answerWithinMs,
    };
    const { rows } = await this.#database.pool.query<{ relayed: number | null }>(query);
    return rows[0]?.relayed ?? null;
  }
}

/** Rows taken in one transaction. */
const roundSize = 2000;

/** Milliseconds after which a connection that does not answer is taken for dead; a full round takes 60. */
const answerWithinMs = 10_000;

/**
 * Milliseconds between rounds while no slot is free: at 30 photos a second what three of them have led to goes on
 * together. A photo in a backlog comes to its alert by so much later at each step.
 */
const gathered = 100;

/** Milliseconds within which rows of this process are relayed together, rather than each with its transaction. */
const together = 10;

/** Milliseconds between polls while there is work: adds 10 ms on average to a row inserted by SQL. */
const fastest = 20;

/**
 * Milliseconds between polls after a while without work. One that finds nothing takes Postgres 0.01 ms and this process
 * less than one, so ten a second are nothing, and what somebody inserts waits 50 ms on average, not 250.
 */
const slowest = 100;

/** Milliseconds until the next poll after one that failed. */
const afterFailure = 500;
