import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sealAll, tamper } from '../support/record.ts';
import { addWorker, claim, claimsOf, emit, subscribe, waiting } from './support.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});

const rescue = async (): Promise<number> =>
  (await database.rows(`select watchpost.rescue('0 s') as released`))[0].released;
const lose = (worker: string) =>
  database.rows(`update watchpost.worker set last_seen = now() - interval '1 hour' where id = $1`, [worker]);
const lettersOf = (task: string) =>
  database.rows('select code, attempts from watchpost.dead_letter where task = $1', [task]);

describe('the rescue', () => {
  it('releases the claims of a worker without heartbeats, once', async () => {
    await subscribe(database, { task: 'lost', batch_size: 2 });
    const worker = await addWorker(database, ['lost']);
    await emit(database, 'lost', 3);
    await claim(database, worker, ['lost'], 2);
    await lose(worker);
    expect(await rescue()).toBe(2);
    expect(await claimsOf(database, 'lost')).toMatchObject([{ worker_id: null }, { worker_id: null }]);
    const [event] = await database.rows(
      `select payload from watchpost.event where topic = 'worker.lost' and subject_id = $1`,
      [worker],
    );
    expect(event.payload).toMatchObject({ claims: 2, jobs: 0 });
    expect(await rescue()).toBe(0);
  });

  it('releases a claim that was made, or left, after its worker had ended', async () => {
    await subscribe(database, { task: 'orphaned' });
    const worker = await addWorker(database, ['orphaned']);
    await emit(database, 'orphaned', 1);
    await claim(database, worker, ['orphaned'], 1);
    await database.rows('update watchpost.worker set stopped_at = now(), last_seen = now() where id = $1', [
      worker,
    ]);
    expect(await rescue()).toBe(1);
    expect(await claimsOf(database, 'orphaned')).toMatchObject([{ worker_id: null }]);
  });

  it('makes dead letters of claims without attempts left, even if their subscription is gone', async () => {
    for (const [task, attempts] of [
      ['deadly', 2],
      ['deadly_and_gone', 5],
    ] as const) {
      const topic = await subscribe(database, { task, batch_size: 2, max_attempts: 2 });
      await emit(database, task, 2);
      if (task === 'deadly_and_gone') {
        await claim(database, await addWorker(database, [task]), [task], 1);
        await database.rows('delete from watchpost.subscription where topic = $1', [topic]);
        await database.rows('update watchpost.claim set worker_id = null where task = $1', [task]);
      }
      for (let attempt = (await claimsOf(database, task))[0]?.attempts ?? 0; attempt < attempts; attempt++) {
        const worker = await addWorker(database, [task]);
        expect(await claim(database, worker, [task], 1)).toHaveLength(1);
        expect(await lettersOf(task)).toEqual([]);
        await lose(worker);
        expect(await rescue()).toBe(1);
      }
      expect(await lettersOf(task)).toEqual([
        { code: 'worker_lost', attempts },
        { code: 'worker_lost', attempts },
      ]);
      expect(await claimsOf(database, task)).toEqual([]);
    }
  });
});

describe('a dead letter that is replayed and takes its workers down again', () => {
  it('is a dead letter again', async () => {
    await subscribe(database, { task: 'deadly_again', max_attempts: 1 });
    await emit(database, 'deadly_again', 1);
    for (let time = 0; time < 2; time++) {
      const worker = await addWorker(database, ['deadly_again']);
      expect(await claim(database, worker, ['deadly_again'], 1)).toHaveLength(1);
      await lose(worker);
      await rescue();
      const letters = await database.rows(`select id from watchpost.dead_letter where task = 'deadly_again'`);
      expect(letters).toHaveLength(1);
      expect(await database.rows('select watchpost.replay($1) as replayed', [letters[0].id])).toEqual([
        { replayed: true },
      ]);
    }
  });
});

describe('watchpost.put_back_events()', () => {
  // It would also put back events of other tests whose work was deleted.
  beforeEach(async () => {
    database = await freshDatabase();
  });

  /** Events of a task as if they had happened twenty minutes ago, in the outbox; their ids. */
  const emitOld = async (task: string, count: number): Promise<string[]> => {
    const rows = await database.rows(
      `insert into watchpost.event (id, topic, subject_id, payload, tasks)
       select watchpost.uuidv7_at(now() - interval '20 minutes' + interval '1 ms' * n), 'test.' || $1,
         watchpost.uuidv7(), jsonb_build_object('n', n), array[$1::text]
       from generate_series(0, $2::int - 1) as n returning id`,
      [task, count],
    );
    return rows.map(({ id }) => id);
  };
  const putBack = async (): Promise<number> =>
    Number.parseInt((await database.rows('select watchpost.put_back_events() as result'))[0].result, 10);
  const remove = (event: string) =>
    database.rows('delete from watchpost.outbox where event_id = $1', [event]);

  it('puts back an event that has neither outbox row, claim, job nor handling, once', async () => {
    await subscribe(database, { task: 'deleted' });
    await addWorker(database, ['deleted']);
    const [gone] = await emitOld('deleted', 2);
    expect(await putBack()).toBe(0);
    await remove(gone!);
    expect(await putBack()).toBe(1);
    expect(await waiting(database, 'deleted')).toBe(2);
    expect(await putBack()).toBe(0);
  });

  it('never puts back an event that is claimed, released, in a job or handled', async () => {
    await subscribe(database, { task: 'at_work' });
    const worker = await addWorker(database, ['at_work']);
    const [claimed, released, inJob, done, failed, retried, replayed] = await emitOld('at_work', 7);
    await claim(database, worker, ['at_work'], 1);
    const other = await addWorker(database, ['at_work']);
    await claim(database, other, ['at_work'], 1);
    await database.rows('select watchpost.release_claims(array[$1::uuid])', [other]);
    expect((await claimsOf(database, 'at_work')).map(({ events }) => events[0])).toEqual([claimed, released]);
    for (const event of [inJob, done, failed, retried, replayed]) await remove(event!);
    await database.rows(`select watchpost.retry_later('at_work', watchpost.items_of(array[$1::uuid]), 1)`, [
      inJob,
    ]);
    await database.rows(
      `insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms, code, error)
       values ($1, 'at_work', 'done', 1, now(), 1, null, null), ($2, 'at_work', 'failed', 1, now(), 1, 'internal', 'x'),
         ($3, 'at_work', 'retry', 1, now(), 1, 'internal', 'x'), ($4, 'at_work', 'failed', 1, now(), 1, 'internal', 'x')`,
      [done, failed, retried, replayed],
    );
    await database.rows(
      `insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms)
       values ($1, 'at_work', 'replayed', 0, now(), 0)`,
      [replayed],
    );
    const missing = await database.rows(
      `select rule, subject from watchpost.invariant where rule = 'work_missing'`,
    );
    expect(missing.map(({ subject }) => subject).sort()).toEqual(
      [`${retried} at_work`, `${replayed} at_work`].sort(),
    );
    expect(await putBack(), 'only what is to be tried again and is nowhere').toBe(2);
    const left = await database.rows(
      `select event_id from watchpost.outbox where task = 'at_work' order by event_id`,
    );
    expect(left).toEqual([{ event_id: retried }, { event_id: replayed }]);
  });

  it('leaves events of foreign consumers alone: these record no handlings', async () => {
    await subscribe(database, { task: 'siren', delivery: 'job' });
    const [event] = await emitOld('siren', 1);
    await remove(event!);
    expect(await putBack()).toBe(0);
  });

  it('examines the last day for an hour after the server has come to another timeline', async () => {
    await subscribe(database, { task: 'survived' });
    await addWorker(database, ['survived']);
    await emit(database, 'survived', 1);
    const [{ id }] = await database.rows(
      `insert into watchpost.event (id, topic, subject_id, tasks)
       values (watchpost.uuidv7_at(now() - interval '5 hours'), 'test.survived', $1, '{survived}') returning id`,
      [randomUUID()],
    );
    await remove(id);
    expect(await putBack()).toBe(0);
    const promoted = (ago: string) =>
      database.rows(
        `insert into watchpost.server_timeline (identity, timeline, seen_at)
         values (watchpost.database_identity(), '00000000', now() - $1::interval)
         on conflict (identity, timeline) do update set seen_at = excluded.seen_at`,
        [ago],
      );
    await database.rows(`update watchpost.server_timeline set seen_at = now() - interval '1 week'`);
    await promoted('2 hours');
    expect(await putBack()).toBe(0);
    await promoted('59 minutes');
    expect(await putBack()).toBe(1);
    await remove(id);
    expect(await putBack(), 'again, for what was deleted since').toBe(1);
  });

  it('examines the last day before the dump after a restore, however old that is', async () => {
    await subscribe(database, { task: 'restored' });
    await addWorker(database, ['restored']);
    await emit(database, 'restored', 1);
    await sealAll(database);
    await tamper(database, `update watchpost.seal set sealed_at = now() - interval '3 days'`);
    const emitted = await database.rows<{ id: string }>(
      `insert into watchpost.event (id, topic, subject_id, tasks)
       select watchpost.uuidv7_at(now() - age), 'test.restored', gen_random_uuid(), '{restored}'
       from unnest('{84 hours,120 hours}'::interval[]) as age
       returning id`,
    );
    for (const { id } of emitted) await remove(id);
    expect(await putBack()).toBe(0);
    await database.rows(`update watchpost.server_timeline set identity = 'elsewhere'`);
    expect(await putBack()).toBe(1);
    const again = await database.rows(`select event_id from watchpost.outbox where source = 'again'`);
    expect(again).toEqual([{ event_id: emitted[0]?.id }]);
  });
});
