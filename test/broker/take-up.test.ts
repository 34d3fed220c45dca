import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { type Taker, takeUp } from '../../src/broker/take-up.ts';
import { openLog } from '../../src/log.ts';
import { startWorker } from '../../src/runner/worker.ts';
import type { Stage } from '../../src/stages/stage.ts';
import type { Vision } from '../../src/vision/index.ts';
import { connectClient } from '../support/client.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, realVision, submit, untilFinal } from '../support/pipeline.ts';
import { until } from '../support/until.ts';
import { emit, emitting, firstNumbers, jobsOf, numbersIn, subscribe } from './support.ts';

describe('rows whose writer goes on with them', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });

  /** Makes events of a task in one transaction of somebody who takes up these tasks. */
  const write = async (
    task: string,
    events: number,
    tasks: string[],
    end: 'commit' | 'rollback' = 'commit',
  ): Promise<Taker> => {
    await database.rows(
      'insert into graphile_worker._private_tasks (identifier) values ($1) on conflict do nothing',
      [task],
    );
    const taker: Taker = { pool: `pool-${randomUUID()}`, key: `${randomUUID()} `, tasks };
    const client = await connectClient(database);
    await client.query('begin');
    await client.query(`select set_config('watchpost.hand_over', $1, true)`, [JSON.stringify(taker)]);
    await client.query(emitting, [task, events, 1]);
    await client.query(end);
    return taker;
  };
  const waiting = async (task: string): Promise<number> =>
    (await database.rows('select count(*)::int as n from watchpost.outbox where task = $1', [task]))[0].n;
  const lockedBy = async ({ pool }: Taker) =>
    database.rows('select attempts, is_available from graphile_worker._private_jobs where locked_by = $1', [
      pool,
    ]);

  it('are one job that its process has locked, and finds', async () => {
    await subscribe(database, { task: 'urgent', batch_size: 2, max_attempts: 3, priority: -5 });
    const taker = await write('urgent', 5, ['urgent', 'another']);
    expect(await waiting('urgent')).toBe(0);
    expect(await lockedBy(taker)).toEqual([{ attempts: 1, is_available: false }]);

    const jobs = await takeUp(database, taker, null);
    expect(jobs).toMatchObject([{ task: 'urgent', attempts: 1, max_attempts: 3 }]);
    expect(numbersIn(await jobsOf(database, 'urgent'))).toEqual(firstNumbers(5));
    expect(jobs[0]?.payload.map((item) => item.event_id)).toHaveLength(5);

    expect(await takeUp(database, taker, jobs[0]!.id), 'it is done and gone').toEqual([]);
    expect(await jobsOf(database, 'urgent')).toEqual([]);
  });

  it('are the same job as the relay would have made', async () => {
    await subscribe(database, { task: 'alike', batch_size: 5, max_attempts: 3, priority: -5 });
    const columns = `j.payload, j.priority, j.max_attempts, j.flags, j.task_id`;
    const one = async (): Promise<Record<string, unknown>> => {
      const [job] = await database.rows(
        `select ${columns} from graphile_worker._private_jobs as j
         join graphile_worker._private_tasks as t on t.id = j.task_id where t.identifier = 'alike'`,
      );
      await database.rows('delete from graphile_worker._private_jobs where task_id = $1', [job.task_id]);
      const payload = job.payload.map((item: object) => Object.keys(item));
      return { ...job, payload };
    };
    await write('alike', 3, ['alike']);
    const taken = await one();
    await emit(database, 'alike', 3);
    await database.rows('select watchpost.relay()');
    expect(taken).toEqual(await one());
  });

  it('are left to the relay if they are not urgent, not asked for, or more than four batches', async () => {
    await subscribe(database, { task: 'patient', priority: 0 });
    await write('patient', 1, ['patient']);
    expect(await waiting('patient')).toBe(1);

    await subscribe(database, { task: 'unasked', priority: -5 });
    await write('unasked', 1, ['patient']);
    expect(await waiting('unasked')).toBe(1);

    await subscribe(database, { task: 'crowd', batch_size: 2, priority: -5 });
    await write('crowd', 8, ['crowd']);
    expect(await waiting('crowd')).toBe(0);
    await write('crowd', 9, ['crowd']);
    expect(await waiting('crowd')).toBe(9);
  });

  it('are left to the relay if each queue of the task has its turn', async () => {
    await subscribe(database, { task: 'queued', priority: -5 });
    await database.rows(`update watchpost.subscription set queue_by = 'n' where task = 'queued'`);
    await write('queued', 1, ['queued']);
    expect(await waiting('queued')).toBe(1);
  });

  it('are nothing if they were rolled back', async () => {
    await subscribe(database, { task: 'undone', priority: -5 });
    const taker = await write('undone', 3, ['undone'], 'rollback');
    expect(await takeUp(database, taker, null)).toEqual([]);
    expect(await lockedBy(taker)).toEqual([]);
  });

  it('are given to others when their process is lost', async () => {
    await subscribe(database, { task: 'orphan', priority: -5 });
    const { pool } = await write('orphan', 1, ['orphan']);
    const [worker] = await database.rows(
      `insert into watchpost.worker (host, pid, version, concurrency, tasks, models, pools, last_seen)
       values ('nowhere', 1, '0', 1, '{orphan}', '{}', array[$1], now() - interval '1 hour') returning id`,
      [pool],
    );
    await until(async () => (await database.rows(`select watchpost.rescue('0 s')`))[0].rescue > 0);
    expect(
      await database.rows('select lost_at is not null as lost from watchpost.worker where id = $1', [
        worker.id,
      ]),
    ).toEqual([{ lost: true }]);
    expect(
      await database.rows('select from graphile_worker._private_jobs where locked_by = $1', [pool]),
    ).toEqual([]);
    expect(await jobsOf(database, 'orphan')).toHaveLength(1);
  });
});

describe('a worker that goes on', () => {
  let database: TestDatabase;
  let vision: Vision;
  beforeAll(async () => {
    database = await freshDatabase();
    vision = await realVision();
  });

  const untilNothingWaits = () =>
    until(
      async () =>
        (
          await database.rows(
            'select id from graphile_worker._private_jobs union all select 0 from watchpost.outbox',
          )
        ).length === 0,
    );

  it('brings a photo to its alert, with a record of each step, and leaves no job behind', async () => {
    const worker = await startWorker({ database, vision }, { concurrency: 1, log: openLog('silent') });
    onTestFinished(() => worker.stop());
    await enrolAda(database, { threshold: 0.6 });
    // Whoever has no other way to jobs than graphile-worker's would have to be woken for each step.
    const listener = await connectClient(database);
    let woken = 0;
    listener.on('notification', () => woken++);
    await listener.query('listen "jobs:insert"');
    // Also the search of the past that an enrolment leads to.
    await untilNothingWaits();
    woken = 0;

    const id = await submit(database, sample(1));
    expect(await untilFinal(database, id)).toMatchObject({ state: 'done', matches: 1, alerts: 1 });
    const steps = await database.rows(
      `select h.task, count(*)::int as times from watchpost.handling as h
       join watchpost.event as e on e.id = h.event_id
       where e.image_id = $1 and h.outcome = 'done' group by h.task order by min(h.started_at)`,
      [id],
    );
    expect(steps.slice(0, 4)).toEqual([
      { task: 'detect', times: 1 },
      { task: 'embed', times: 3 },
      { task: 'match', times: 3 },
      { task: 'alert', times: 1 },
    ]);
    await untilNothingWaits();
    expect(woken, 'for the photo itself').toBe(1);
  });

  it('stops before a task that is paused, and goes on when it is resumed', async () => {
    await database.rows(`select watchpost.pause('match')`);
    onTestFinished(async () => void (await database.rows(`select watchpost.resume('match')`)));
    const worker = await startWorker({ database, vision }, { concurrency: 1, log: openLog('silent') });
    onTestFinished(() => worker.stop());
    const id = await submit(database, sample(2));
    await until(async () => (await jobsOf(database, 'match')).length > 0);
    expect(
      (await database.rows('select state from watchpost.image_status where image_id = $1', [id]))[0].state,
    ).not.toBe('done');
    await database.rows(`select watchpost.resume('match')`);
    expect(await untilFinal(database, id)).toMatchObject({ state: 'done' });
  });

  it('tries an item that failed again, by itself, and does its siblings at once', async () => {
    await database.rows(
      `insert into watchpost.subscription (topic, task, batch_size, priority) values
         ('test.begin', 'begin', 1, 0), ('test.follow', 'follow', 4, -10)`,
    );
    const seen: string[][] = [];
    const numbered = z.object({ n: z.number() });
    const begin: Stage<{ n: number }, number> = {
      task: 'begin',
      payload: numbered,
      work: async (items) => items.map(({ n }) => ({ status: 'fulfilled', value: n })),
      async write(trx, finished) {
        for (const { result } of finished)
          await sql`
            insert into watchpost.event (topic, subject_id, payload, tasks)
            select 'test.follow', watchpost.uuidv7(), jsonb_build_object('n', ${result}::int * 10 + i), '{follow}'
            from generate_series(1, 2) as i
          `.execute(trx);
      },
    };
    const follow: Stage<{ n: number }, null> = {
      task: 'follow',
      payload: numbered,
      async work(items) {
        seen.push(items.map(({ n }) => String(n)));
        return items.map(({ n }) =>
          n === 2 && seen.length === 1
            ? { status: 'rejected', reason: new Error('not yet') }
            : { status: 'fulfilled', value: null },
        );
      },
      async write() {},
    };
    const worker = await startWorker(
      { database, vision },
      { concurrency: 1, log: openLog('silent'), stages: [begin, follow] },
    );
    onTestFinished(() => worker.stop());
    await emit(database, 'begin', 1);
    await until(async () => {
      const [row] = await database.rows(
        `select count(*)::int as n from watchpost.handling where task = 'follow' and outcome = 'done'`,
      );
      return row.n === 2;
    });
    const attempts = await database.rows(
      `select h.outcome, h.attempt from watchpost.handling as h join watchpost.event as e on e.id = h.event_id
       where h.task = 'follow' and e.payload ->> 'n' = '2' order by h.id`,
    );
    expect(attempts).toEqual([
      { outcome: 'retry', attempt: 1 },
      { outcome: 'done', attempt: 2 },
    ]);
    expect(seen.map((some) => some.toSorted())).toEqual([['1', '2'], ['2']]);
    await until(async () => (await jobsOf(database, 'follow')).length === 0);
  });
});
