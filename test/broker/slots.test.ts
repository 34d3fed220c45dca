import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type Batch, Claims } from '../../src/broker/claims.ts';
import { openLog } from '../../src/log.ts';
import { Slots } from '../../src/runner/slots.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';
import { addWorker, claimsOf, emit, subscribe, waiting } from './support.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});

/** The claims of a process, with the number of batches that each requested; their answers can be held back. */
class WatchedClaims extends Claims {
  readonly asked: number[] = [];
  /** How many were answered. */
  answers = 0;
  /** Called when the answer is there, before the slots get it. */
  answered: () => Promise<void> = async () => {};

  override async claim(tasks: readonly string[], most: number): Promise<Batch[]> {
    this.asked.push(most);
    const batches = await super.claim(tasks, most);
    this.answers++;
    await this.answered();
    return batches;
  }
}

/** Slots that work on one task; each batch ends when `end` is called, or at once. */
const open = async (task: string, concurrency: number, work: 'held' | 'short' = 'held') => {
  await subscribe(database, { task });
  const claims = new WatchedClaims(database, await addWorker(database, [task]));
  const running: { batch: Batch; end: () => void }[] = [];
  const seen: Batch[] = [];
  const slots = new Slots({
    claims,
    tasks: () => [task],
    concurrency,
    async handle(batch) {
      seen.push(batch);
      if (work === 'short') return;
      await new Promise<void>((resolve) => {
        const one = {
          batch,
          end: () => {
            running.splice(running.indexOf(one), 1);
            resolve();
          },
        };
        running.push(one);
      });
    },
    outage: database.outage,
    log: openLog('silent'),
  });
  onTestFinished(async () => {
    const stopped = slots.stop();
    for (const one of [...running]) one.end();
    await stopped;
  });
  return { slots, claims, running, seen };
};

/** Timers fire only when a test says so, so that what happens before was not polled for. */
const stopClocks = () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
};
const soon = () => new Promise<void>((resolve) => setImmediate(resolve));
const untilSoon = async (ready: () => boolean): Promise<void> => {
  while (!ready()) await soon();
};
/** A pause in which something that must not happen could happen. */
const untilAnswered = async () => {
  await database.rows('select 1');
  for (let turn = 0; turn < 20; turn++) await soon();
};

describe('the slots of a process', () => {
  it('find events of other processes by polling', async () => {
    const { slots, seen } = await open('polled', 1, 'short');
    slots.start();
    for (const round of [1, 2]) {
      await emit(database, 'polled', 1);
      await until(async () => seen.length === round);
    }
  });

  it('claim at once when they are nudged', async () => {
    const { slots, claims, running } = await open('nudged', 1);
    stopClocks();
    slots.start();
    await untilSoon(() => claims.answers === 1);
    await emit(database, 'nudged', 1);
    await untilAnswered();
    expect(claims.asked, 'no timer has gone off').toEqual([1]);
    slots.nudge();
    await untilSoon(() => running.length === 1);
  });

  it('claim again when they are nudged while they claim', async () => {
    const { slots, claims, running } = await open('nudged_meanwhile', 1);
    stopClocks();
    let answer = () => {};
    claims.answered = () => new Promise((resolve) => (answer = resolve));
    slots.start();
    await untilSoon(() => claims.answers === 1);
    await emit(database, 'nudged_meanwhile', 1);
    slots.nudge();
    claims.answered = async () => {};
    answer();
    await untilSoon(() => running.length === 1);
    expect(claims.asked).toEqual([1, 1]);
  });

  it('run at most one batch each, and leave the rest unclaimed', async () => {
    const { slots, running, seen } = await open('busy', 2);
    await emit(database, 'busy', 5);
    stopClocks();
    slots.start();
    await untilSoon(() => running.length === 2);
    slots.nudge();
    await untilAnswered();
    expect(await waiting(database, 'busy')).toBe(3);
    expect(await claimsOf(database, 'busy')).toHaveLength(2);
    for (let left = 2; left >= 0; left--) {
      running[0]!.end();
      await untilSoon(() => running.length === 2);
      expect(seen).toHaveLength(5 - left);
    }
  });

  it('wait after a claim that failed', async () => {
    const { slots, claims, running } = await open('failing', 1);
    await emit(database, 'failing', 2);
    stopClocks();
    slots.start();
    // As many as it asked for: there may be more.
    await untilSoon(() => running.length === 1);
    claims.answered = async () => {
      throw new Error('The connection is gone.');
    };
    running[0]!.end();
    await untilSoon(() => claims.answers === 2);
    for (let time = 0; time < 5; time++) await untilAnswered();
    expect(claims.asked).toEqual([1, 1]);
    await vi.advanceTimersByTimeAsync(500);
    expect(claims.asked).toEqual([1, 1, 1]);
  });

  it('give a free slot to a waiting job before the next batch', async () => {
    const { slots, running, seen } = await open('shared_slot', 1);
    await emit(database, 'shared_slot', 2);
    slots.start();
    await until(async () => running.length === 1);
    const order: string[] = [];
    let end = () => {};
    const held = slots.hold(async () => {
      order.push('held');
      await new Promise<void>((resolve) => (end = resolve));
      return 'result';
    });
    expect(order).toEqual([]);
    running[0]!.end();
    await untilSoon(() => order.length === 1);
    slots.nudge();
    await until(async () => seen.length === 1 && running.length === 0);
    end();
    expect(await held).toBe('result');
    await until(async () => seen.length === 2);
  });

  it('release a slot when the job that held it has failed', async () => {
    const { slots, running } = await open('failed_hold', 1);
    await expect(slots.hold(() => Promise.reject(new Error('no luck')))).rejects.toThrow('no luck');
    await emit(database, 'failed_hold', 1);
    slots.start();
    await until(async () => running.length === 1);
  });

  it('claim ahead only while batches are short', async () => {
    const long = await open('long', 1);
    await emit(database, 'long', 3);
    long.slots.start();
    for (let batch = 1; batch <= 3; batch++) {
      await until(async () => long.seen.length === batch);
      long.running[0]!.end();
    }
    expect(Math.max(...long.claims.asked)).toBe(1);

    const short = await open('short', 1, 'short');
    await emit(database, 'short', 300);
    short.slots.start();
    await until(async () => short.seen.length === 300);
    expect(Math.max(...short.claims.asked)).toBeGreaterThan(1);
    expect(Math.max(...short.claims.asked)).toBeLessThanOrEqual(33);
    expect(new Set(short.seen.map(({ claim }) => claim)).size).toBe(300);
  });

  it('stop when the running batches have ended, and begin no others', async () => {
    const { slots, running, seen } = await open('stopped', 1);
    await emit(database, 'stopped', 3);
    slots.start();
    await until(async () => running.length === 1);
    let stopped = false;
    const stopping = slots.stop().then(() => {
      stopped = true;
    });
    slots.nudge();
    await untilAnswered();
    expect(stopped).toBe(false);
    running[0]!.end();
    await stopping;
    expect(seen).toHaveLength(1);
    expect(await waiting(database, 'stopped')).toBe(2);
  });

  it('leave batches that were claimed but not begun when they stop', async () => {
    const { slots, claims, seen } = await open('not_begun', 1);
    await emit(database, 'not_begun', 1);
    let answer = () => {};
    claims.answered = () => new Promise((resolve) => (answer = resolve));
    slots.start();
    await untilSoon(() => claims.answers === 1);
    const stopping = slots.stop();
    answer();
    await stopping;
    expect(seen).toEqual([]);
    const left = slots.drop();
    expect(left.map(({ claim }) => claim)).toEqual(
      (await claimsOf(database, 'not_begun')).map(({ id }) => id),
    );
  });
});
