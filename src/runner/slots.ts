import { AsyncLocalStorage } from 'node:async_hooks';
import type { Batch, Claims } from '../broker/claims.ts';
import type { Outage } from '../database/outage.ts';
import { isDatabaseAway } from '../database-errors.ts';
import type { Log } from '../log.ts';
import { subjectsOf } from './subject.ts';

/** What the slots of a process are given. */
interface SlotsOptions {
  readonly claims: Claims;
  /** The tasks that may be claimed now. */
  readonly tasks: () => readonly string[];
  /** Batches at a time; 0: nothing is claimed, and only jobs are made of what is not for workers to claim. */
  readonly concurrency: number;
  /** Handles a batch to its end, with all that it leads to. Failures of events are recorded, not thrown. */
  readonly handle: (batch: Batch) => Promise<void>;
  /** Called with what was claimed, before any of it begins. */
  readonly claimed?: (batches: readonly Batch[]) => void;
  readonly outage: Outage;
  readonly log: Log;
}

/**
 * The slots of one process, in which claimed batches are handled.
 *
 *   idle      a claim is made by a timer: `fastest` after something was found, growing to `slowest` within seconds while nothing is.
 *             A nudge makes it at once.
 *   claiming  one claim is under way. A nudge meanwhile is followed by another one, because rows that were committed
 *             after the statement began are not seen by it.
 *   busy      every slot has a batch. A slot that becomes free makes the next claim at once if the last one was full.
 *   stopped   no more claims.
 *
 * Of short batches several are claimed ahead, as many as are handled in `aheadMs`: a round trip a batch would take longer
 * than handling it. A photo takes longer than that, so that none waits in one process while another one is idle.
 */
export class Slots {
  readonly #options: SlotsOptions;
  #busy = 0;
  #ready: Batch[] = [];
  #claiming: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #delay = fastest;
  #again = false;
  #more = false;
  #stopped = false;
  /** How long a batch takes lately, in ms. */
  #batchMs = 1_000;
  #waiting: (() => void)[] = [];
  /** Runs something apart from the call or batch whose nudge leads to it: claims are no part of its trace. */
  readonly #apart = AsyncLocalStorage.snapshot();
  #idle: (() => void)[] = [];

  constructor(options: SlotsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#claim();
  }

  /** There may be something to claim. */
  nudge(): void {
    this.#again = true;
    if (!this.#claiming) this.#apart(() => this.#claim());
  }

  /** Waits for a free slot and holds it while `work` runs: for what comes from elsewhere than the outbox. */
  async hold<T>(work: () => Promise<T>): Promise<T> {
    // Whoever leaves hands the slot over, so that no batch takes it in between.
    if (this.#busy < this.#options.concurrency) this.#busy++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  /** Forgets what was claimed and has not been begun, and returns it. */
  drop(): Batch[] {
    return this.#ready.splice(0);
  }

  /** Makes no more claims. Resolves when no batch is under way; those that were not begun are to be handed back. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#claiming;
    if (this.#busy > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #free(): number {
    return Math.max(0, this.#options.concurrency - this.#busy);
  }

  #ahead(): number {
    return Math.min(mostAhead, Math.floor((this.#options.concurrency * aheadMs) / this.#batchMs));
  }

  #claim(): void {
    if (this.#stopped || this.#claiming) return;
    clearTimeout(this.#timer);
    this.#claiming = this.#claimOnce().finally(() => {
      this.#claiming = undefined;
      if (this.#stopped) return;
      if (this.#again || (this.#more && this.#wanted() > 0)) this.#claim();
      else this.#timer = setTimeout(() => this.#claim(), this.#delay);
    });
  }

  /** How many batches there is room for; claimed once half of what is claimed ahead is gone. */
  #wanted(): number {
    const room = this.#free() + this.#ahead() - this.#ready.length;
    return this.#ready.length > this.#ahead() / 2 ? 0 : Math.max(0, room);
  }

  async #claimOnce(): Promise<void> {
    const { claims, tasks, outage, log } = this.#options;
    const wanted = this.#wanted();
    this.#again = false;
    try {
      const batches = await claims.claim(tasks(), wanted);
      // Not having asked, it does not know.
      this.#more = batches.length >= wanted;
      this.#delay = batches.length > 0 ? fastest : Math.min(this.#delay * 1.05, slowest);
      outage.over();
      this.#options.claimed?.(batches);
      this.#ready.push(...batches);
      this.#begin();
    } catch (error) {
      this.#delay = afterFailure;
      this.#again = false;
      // Else the next claim would follow at once, and fail again.
      this.#more = false;
      if (isDatabaseAway(error)) outage.noticed(error);
      else log.error({ reason: String(error) }, 'no events can be claimed; trying again');
    }
  }

  #begin(): void {
    while (!this.#stopped && this.#free() > 0) {
      const batch = this.#ready.shift();
      if (!batch) return;
      this.#busy++;
      void this.#run(batch);
    }
  }

  async #run(batch: Batch): Promise<void> {
    const begun = performance.now();
    try {
      await this.#options.handle(batch);
    } catch (error) {
      this.#options.log.error(
        { task: batch.task, about: subjectsOf(batch.items), reason: String(error) },
        'a batch could not be handled',
      );
    }
    this.#batchMs = 0.8 * this.#batchMs + 0.2 * (performance.now() - begun);
    this.#leave();
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#busy--;
    this.#begin();
    if (this.#busy === 0) for (const resolve of this.#idle.splice(0)) resolve();
    if (this.#more && !this.#claiming && this.#wanted() > 0) this.#claim();
  }
}

/** Milliseconds of work that are claimed ahead, and the most batches. */
const aheadMs = 10;
const mostAhead = 32;

/** Milliseconds between claims while something is found. */
const fastest = 20;

/**
 * Milliseconds between claims after some seconds without work: a row inserted by SQL waits for half of that on average. At
 * 350 ms an idle process takes 0.52% of a core, at 500 ms 0.44%.
 */
const slowest = 500;

/** Milliseconds until the next claim after one that failed. */
const afterFailure = 500;
