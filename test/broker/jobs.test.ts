import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { openDatabase } from '../../src/database/pool.ts';
import { openLog } from '../../src/log.ts';
import { startWorker } from '../../src/runner/worker.ts';
import type { AnyStage, Stage } from '../../src/stages/stage.ts';
import type { Vision } from '../../src/vision/index.ts';
import { connectClient } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { realVision } from '../support/pipeline.ts';
import { until } from '../support/until.ts';
import {
  addWorker,
  claim,
  claimsOf,
  emit,
  emitting,
  firstNumbers,
  jobsOf,
  numbersIn,
  subscribe,
  waiting,
} from './support.ts';

let database: TestDatabase;
let vision: Vision;
beforeAll(async () => {
  database = await freshDatabase();
  vision = await realVision();
});

describe('watchpost.relay()', () => {
  const relay = async (maxRows = 2000): Promise<number> =>
    (await database.rows('select watchpost.relay($1) as relayed', [maxRows]))[0].relayed;

  /** The very first job of a task writes its name into a table, which a second relay would wait for. */
  const makeTaskKnown = (task: string): Promise<unknown> =>
    database.rows('select graphile_worker.complete_jobs(array[(graphile_worker.add_job($1)).id])', [task]);

  it('packs events into jobs of the size, attempts and priority of their subscription', async () => {
    await subscribe(database, {
      ...{ task: 'packed', delivery: 'job', batch_size: 10, max_attempts: 7, priority: -5 },
    } as const);
    await emit(database, 'packed', 25);
    expect(await relay()).toBe(25);
    const jobs = await jobsOf(database, 'packed');
    expect(jobs.map((job) => job.payload.map(({ n }) => n))).toEqual([
      firstNumbers(10),
      firstNumbers(20).slice(10),
      firstNumbers(25).slice(20),
    ]);
    for (const job of jobs)
      expect(job).toMatchObject({ max_attempts: 7, priority: -5, attempts: 0, flags: { packed: true } });
    expect(await waiting(database, 'packed')).toBe(0);
    expect(await relay(), 'there is nothing left').toBe(0);
  });

  it('gives an item the payload of its event, with the event id', async () => {
    const topic = await subscribe(database, { task: 'carried', delivery: 'job' });
    await emit(database, 'carried', 1, 'gate');
    await relay();
    const [event] = await database.rows('select id from watchpost.event where topic = $1', [topic]);
    const [job] = await jobsOf(database, 'carried');
    expect(job?.payload).toEqual([{ event_id: event.id, n: 0, source: 'gate' }]);
  });

  it('keeps the events of different tasks in different jobs, and those of a queue one after the other', async () => {
    await subscribe(database, { task: 'one_kind', delivery: 'job', batch_size: 100 });
    await subscribe(database, { task: 'queued', delivery: 'job', queue_by: 'source' });
    await emit(database, 'one_kind', 3);
    await emit(database, 'queued', 2, 'gate');
    expect(await relay()).toBe(5);
    expect((await jobsOf(database, 'one_kind')).map((job) => job.payload.length)).toEqual([3]);
    expect((await jobsOf(database, 'queued')).map((job) => job.queue_name)).toEqual([
      'queued gate',
      'queued gate',
    ]);
  });

  it('leaves to workers what they claim, unless its subscription is gone', async () => {
    const topic = await subscribe(database, { task: 'unsubscribed', batch_size: 5 });
    await emit(database, 'unsubscribed', 3);
    expect(await relay()).toBe(0);
    await database.rows('delete from watchpost.subscription where topic = $1', [topic]);
    expect(await relay()).toBe(3);
    expect(numbersIn(await jobsOf(database, 'unsubscribed'))).toEqual(firstNumbers(3));
  });

  it('puts the rows back if its own transaction is rolled back', async () => {
    await subscribe(database, { task: 'retaken', delivery: 'job' });
    await emit(database, 'retaken', 5);
    const client = await connectClient(database);
    await client.query('begin');
    const { rows } = await client.query('select watchpost.relay() as relayed');
    await client.query('rollback');
    expect(rows).toEqual([{ relayed: 5 }]);
    expect(await jobsOf(database, 'retaken')).toEqual([]);
    expect(await relay()).toBe(5);
  });

  it('makes no job of rows that were rolled back', async () => {
    await subscribe(database, { task: 'undone', delivery: 'job' });
    const client = await connectClient(database);
    await client.query('begin');
    await client.query(emitting, ['undone', 5, null]);
    await client.query('rollback');
    expect(await relay()).toBe(0);
  });

  it.skipIf(!onServer)(
    `takes the rows that another relay has not taken, without waiting ${needsServer}`,
    async () => {
      await subscribe(database, { task: 'shared', delivery: 'job' });
      await makeTaskKnown('shared');
      await emit(database, 'shared', 30);
      const first = await connectClient(database);
      await first.query('begin');
      await first.query('select watchpost.relay(10)');
      expect(await relay(15)).toBe(15);
      expect(await relay()).toBe(5);
      expect(await relay()).toBe(0);
      await first.query('commit');
      expect(numbersIn(await jobsOf(database, 'shared'))).toEqual(firstNumbers(30));
    },
  );

  it.skipIf(!onServer)(`relays each of many rows once when three relays race ${needsServer}`, async () => {
    await subscribe(database, { task: 'raced', delivery: 'job', batch_size: 7 });
    await emit(database, 'raced', 3000);
    const race = async () => {
      const client = await connectClient(database);
      let relayed = 0;
      for (;;) {
        const { rows } = await client.query('select watchpost.relay(50) as relayed');
        if (rows[0].relayed === 0) return relayed;
        relayed += rows[0].relayed;
      }
    };
    const relayed = await Promise.all([race(), race(), race()]);
    expect(Math.min(...relayed)).toBeGreaterThan(0);
    expect(relayed[0] + relayed[1] + relayed[2]).toBe(3000);
    expect(numbersIn(await jobsOf(database, 'raced'))).toEqual(firstNumbers(3000));
  });
});

describe('an attempt that failed', () => {
  /** Ends a claim by the fence: these outcomes of its events, in their order. */
  const fence = (
    worker: string,
    batch: Awaited<ReturnType<typeof claim>>[number],
    outcomes: ('done' | 'retry' | 'failed')[],
  ) =>
    database.rows('select watchpost.fence($1, $2, $3, 5, $4, $5, $6, $7, $8) as passed', [
      batch.task,
      batch.attempts,
      worker,
      batch.items.map(({ event_id }) => event_id),
      outcomes,
      outcomes.map((outcome) => (outcome === 'done' ? null : 'internal')),
      outcomes.map((outcome) => (outcome === 'done' ? null : 'no luck')),
      batch.id,
    ]);

  it('becomes one job of the events that are left, with the attempts counted', async () => {
    await subscribe(database, { task: 'half_done', batch_size: 4, max_attempts: 6, priority: -3 });
    const worker = await addWorker(database, ['half_done']);
    await emit(database, 'half_done', 4);
    const [batch] = await claim(database, worker, ['half_done'], 1);
    const [{ passed }] = await fence(worker, batch!, ['done', 'retry', 'failed', 'retry']);
    expect(passed.toSorted()).toEqual(batch!.items.map(({ event_id }) => event_id));
    const [job, ...others] = await jobsOf(database, 'half_done');
    expect(others).toEqual([]);
    expect(job).toMatchObject({
      ...{ attempts: 1, max_attempts: 6, priority: -3, flags: { half_done: true }, due: false },
      payload: [batch!.items[1], batch!.items[3]],
    });
    expect(await claimsOf(database, 'half_done')).toEqual([]);
  });

  it('waits for as long as graphile-worker would let it wait', async () => {
    await subscribe(database, { task: 'paced' });
    const worker = await addWorker(database, ['paced']);
    await emit(database, 'paced', 1);
    const [batch] = await claim(database, worker, ['paced'], 1);
    await fence(worker, { ...batch!, attempts: 3 }, ['retry']);
    const [{ seconds }] = await database.rows(
      `select extract(epoch from run_at - updated_at)::float8 as seconds from graphile_worker.jobs where task_identifier = 'paced'`,
    );
    expect(seconds).toBeCloseTo(Math.exp(3), 0);
  });

  it('becomes no job if the claim is not held any more: another worker is at it', async () => {
    await subscribe(database, { task: 'taken_over' });
    const [slow, other] = [
      await addWorker(database, ['taken_over']),
      await addWorker(database, ['taken_over']),
    ];
    await emit(database, 'taken_over', 1);
    const [batch] = await claim(database, slow, ['taken_over'], 1);
    await database.rows('select watchpost.release_claims(array[$1::uuid])', [slow]);
    await fence(slow, batch!, ['retry']);
    expect(await jobsOf(database, 'taken_over')).toEqual([]);
    expect(await claimsOf(database, 'taken_over')).toMatchObject([{ worker_id: null }]);

    const [again] = await claim(database, other, ['taken_over'], 1);
    await fence(slow, batch!, ['retry']);
    expect(await claimsOf(database, 'taken_over'), 'nobody else ends it').toMatchObject([
      { worker_id: other },
    ]);
    await fence(other, again!, ['done']);
    expect(await claimsOf(database, 'taken_over')).toEqual([]);
    await fence(slow, batch!, ['retry']);
    const record = await database.rows(
      'select outcome, worker_id from watchpost.handling where event_id = $1 order by id',
      [batch!.items[0]!.event_id],
    );
    expect(record.at(-1), 'of what is done nothing more is recorded').toEqual({
      outcome: 'done',
      worker_id: other,
    });
    expect(await jobsOf(database, 'taken_over')).toEqual([]);
  });

  it('is not recorded of an event that does not exist', async () => {
    const nothing = randomUUID();
    const outcomes = { done: [null, null], failed: ['internal', 'no luck'], retry: ['internal', 'no luck'] };
    for (const [outcome, [code, error]] of Object.entries(outcomes)) {
      const [{ passed }] = await database.rows(
        `select watchpost.fence('detect', 1, $1, 5, array[$1::uuid], array[$2], array[$3], array[$4]) as passed`,
        [nothing, outcome, code, error],
      );
      expect(passed).toEqual([]);
    }
    expect(await database.rows('select from watchpost.handling where event_id = $1', [nothing])).toEqual([]);
  });
});

const numbered = z.object({ n: z.number() });

/** A stage that works on the events of `subscribe` and writes nothing. */
const stageOf = (task: string, work: Stage<{ n: number }, null>['work']): AnyStage => ({
  task,
  payload: numbered,
  work,
  write: { call: 'cardinality', parameters: () => [] },
});

const start = async (...stages: AnyStage[]) => {
  // With connections of its own, as those of a process.
  const own = openDatabase(database.url, { log: openLog('silent') });
  onTestFinished(() => own.close());
  const worker = await startWorker(
    { database: own, vision },
    { concurrency: 1, log: openLog('silent'), stages },
  );
  onTestFinished(() => worker.stop());
  return worker;
};

describe('a worker', () => {
  const recordOf = (task: string) =>
    database.rows<{ n: number; outcome: string; attempt: number; code: string | null }>(
      `select (e.payload ->> 'n')::int as n, h.outcome, h.attempt, h.code
       from watchpost.handling as h join watchpost.event as e on e.id = h.event_id
       where h.task = $1 order by h.id`,
      [task],
    );
  const untilRecorded = (task: string, count: number) =>
    until(async () => {
      const record = await recordOf(task);
      return record.length >= count && record;
    });

  it('tries an item that failed again, by itself, and does its siblings at once', async () => {
    await subscribe(database, { task: 'begin' });
    await subscribe(database, { task: 'follow', batch_size: 4, priority: -10 });
    await database.rows(`
      create function emit_two(passed uuid[]) returns integer language plpgsql as $$
        begin
          insert into watchpost.event (topic, subject_id, payload, tasks)
          select 'test.follow', watchpost.uuidv7(), jsonb_build_object('n', i), '{follow}' from generate_series(1, 2) as i;
          return 2;
        end
      $$`);
    onTestFinished(async () => {
      await database.rows('drop function emit_two');
    });
    const seen: number[][] = [];
    const begin: Stage<{ n: number }, null> = {
      task: 'begin',
      payload: numbered,
      work: async (items) => items.map(() => ({ status: 'fulfilled', value: null })),
      write: { call: 'emit_two', parameters: () => [] },
    };
    const follow = stageOf('follow', async (items) => {
      seen.push(items.map(({ n }) => n));
      return items.map(({ n }) =>
        n === 2 && seen.length === 1
          ? { status: 'rejected', reason: new Error('not yet') }
          : { status: 'fulfilled', value: null },
      );
    });
    await start(begin, follow);
    await emit(database, 'begin', 1);
    const record = await untilRecorded('follow', 3);
    expect(record.filter(({ n }) => n === 2)).toMatchObject([
      { outcome: 'retry', attempt: 1 },
      { outcome: 'done', attempt: 2 },
    ]);
    expect(seen.map((some) => some.toSorted())).toEqual([[1, 2], [2]]);
    await until(async () => (await jobsOf(database, 'follow')).length === 0);
    expect(await claimsOf(database, 'follow')).toEqual([]);
  });

  it('gives up an item after as many attempts as its subscription has, claim and jobs together', async () => {
    await subscribe(database, { task: 'hopeless', max_attempts: 2 });
    await start(stageOf('hopeless', async () => [{ status: 'rejected', reason: new Error('never') }]));
    await emit(database, 'hopeless', 1);
    expect(await untilRecorded('hopeless', 2)).toMatchObject([
      { outcome: 'retry', attempt: 1 },
      { outcome: 'failed', attempt: 2, code: 'internal' },
    ]);
    await until(async () => (await jobsOf(database, 'hopeless')).length === 0);
  });

  it('records a failure also if its words are none that text can hold', async () => {
    await subscribe(database, { task: 'mumbling', batch_size: 2, max_attempts: 1 });
    await start(
      stageOf('mumbling', async (items) =>
        items.map(() => ({ status: 'rejected', reason: new Error('half a \uD83D and a \0') })),
      ),
    );
    await emit(database, 'mumbling', 2);
    expect(await untilRecorded('mumbling', 2)).toMatchObject([{ outcome: 'failed' }, { outcome: 'failed' }]);
  });

  it('leaves alone what it has no stage for', async () => {
    await subscribe(database, { task: 'known' });
    await subscribe(database, { task: 'unknown', priority: -5 });
    await emit(database, 'unknown', 1);
    await emit(database, 'known', 1);
    await start(stageOf('known', async () => [{ status: 'fulfilled', value: null }]));
    await untilRecorded('known', 1);
    expect(await waiting(database, 'unknown')).toBe(1);
  });

  it.skipIf(!onServer)(
    `goes on with jobs after each of its slots has lost its connection ${needsServer}`,
    async () => {
      await subscribe(database, { task: 'cut_off', delivery: 'job', max_attempts: 25 });
      let works = 0;
      await start({
        ...stageOf('cut_off', async (items) => {
          works++;
          return items.map(() => ({ status: 'fulfilled', value: null }));
        }),
        outward: true,
      });
      // Whoever completes a job is cut off, as often as the pool has slots and more.
      await database.rows('create sequence cut');
      await database.rows(`
      create function cut_off() returns trigger language plpgsql security definer as $$
      begin
        if nextval('cut') <= 6 then
          perform pg_terminate_backend(pg_backend_pid());
          perform pg_sleep(10);
        end if;
        return old;
      end;
      $$`);
      await database.rows(
        'create trigger cut_off before delete on graphile_worker._private_jobs for each row execute function cut_off()',
      );
      onTestFinished(async () => void (await database.rows('drop function cut_off() cascade')));
      await emit(database, 'cut_off', 8);
      await until(async () => works >= 8 && (await jobsOf(database, 'cut_off')).length === 0);
      expect(new Set((await recordOf('cut_off')).map(({ n }) => n)).size).toBe(8);
      await emit(database, 'cut_off', 1);
      await untilRecorded('cut_off', 9);
    },
    120_000,
  );
});

describe('due jobs that nobody takes', () => {
  it('are found by watchpost.invariant', async () => {
    await subscribe(database, { task: 'stalled' });
    await addWorker(database, ['stalled']);
    await database.rows(
      `select graphile_worker.add_job('stalled', '[]', run_at => now() - interval '3 minutes', flags => '{stalled}')`,
    );
    const [job] = await jobsOf(database, 'stalled');
    const found = () =>
      database.rows(`select rule, finding from watchpost.invariant where subject = $1`, [job!.id]);
    expect(await found()).toEqual([
      { rule: 'job_not_taken', finding: expect.stringMatching(/^A job of stalled has been due for 00:03:0/) },
    ]);
    await database.rows(`select watchpost.pause('stalled')`);
    onTestFinished(async () => void (await database.rows(`select watchpost.resume('stalled')`)));
    expect(await found(), 'a paused task is meant to wait').toEqual([]);
  });
});
