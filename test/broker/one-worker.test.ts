import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { openDatabase } from '../../src/database/pool.ts';
import { openLog } from '../../src/log.ts';
import { startWorker } from '../../src/runner/worker.ts';
import type { AnyStage, Stage } from '../../src/stages/stage.ts';
import type { Vision } from '../../src/vision/index.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { realVision } from '../support/pipeline.ts';
import { until } from '../support/until.ts';
import { claimsOf, emit, jobsOf, subscribe, waiting } from './support.ts';

let database: TestDatabase;
let vision: Vision;
beforeAll(async () => {
  database = await freshDatabase();
  vision = await realVision();
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
  // Its own connections, as a process would have.
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

  it('registers again when the database has lost its row, as in a failover, and goes on', async () => {
    await subscribe(database, { task: 'unknown' });
    const worker = await start(
      stageOf('unknown', async (items) => items.map(() => ({ status: 'fulfilled', value: null }))),
    );
    await database.rows('delete from watchpost.worker where id = $1', [worker.id]);
    await emit(database, 'unknown', 1);
    expect(await untilRecorded('unknown', 1)).toMatchObject([{ n: 0, outcome: 'done' }]);
    const [row] = await database.rows(
      'select pid, tasks, cardinality(pools) as pools from watchpost.worker where id = $1',
      [worker.id],
    );
    expect(row).toEqual({ pid: process.pid, tasks: ['unknown'], pools: 1 });
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

  it('gives up an item after max_attempts of its subscription, counting claim and jobs', async () => {
    await subscribe(database, { task: 'hopeless', max_attempts: 2 });
    await start(stageOf('hopeless', async () => [{ status: 'rejected', reason: new Error('never') }]));
    await emit(database, 'hopeless', 1);
    expect(await untilRecorded('hopeless', 2)).toMatchObject([
      { outcome: 'retry', attempt: 1 },
      { outcome: 'failed', attempt: 2, code: 'internal' },
    ]);
    await until(async () => (await jobsOf(database, 'hopeless')).length === 0);
  });

  it('records a failure even if Postgres cannot store its message', async () => {
    await subscribe(database, { task: 'mumbling', batch_size: 2, max_attempts: 1 });
    await start(
      stageOf('mumbling', async (items) =>
        items.map(() => ({ status: 'rejected', reason: new Error('half a \uD83D and a \0') })),
      ),
    );
    await emit(database, 'mumbling', 2);
    expect(await untilRecorded('mumbling', 2)).toMatchObject([{ outcome: 'failed' }, { outcome: 'failed' }]);
  });

  it('does not claim events that it has no stage for', async () => {
    await subscribe(database, { task: 'known' });
    await subscribe(database, { task: 'unknown', priority: -5 });
    await emit(database, 'unknown', 1);
    await emit(database, 'known', 1);
    await start(stageOf('known', async () => [{ status: 'fulfilled', value: null }]));
    await untilRecorded('known', 1);
    expect(await waiting(database, 'unknown')).toBe(1);
  });

  it.skipIf(!onServer)(
    `takes jobs again after each of its slots has lost its connection ${needsServer}`,
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
      // The completion of a job loses its connection, more often than the pool has slots.
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
