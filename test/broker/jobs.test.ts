import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { addWorker, claim, claimsOf, emit, jobsOf, subscribe } from './support.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
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

  it('leaves one job with the events that are to be retried, and counts the attempt', async () => {
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

  it('is retried after the same pause as a job of graphile-worker', async () => {
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

  it('leaves no job if the worker has lost its claim to another worker', async () => {
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
    expect(await claimsOf(database, 'taken_over'), 'another worker does not end it').toMatchObject([
      { worker_id: other },
    ]);
    await fence(other, again!, ['done']);
    expect(await claimsOf(database, 'taken_over')).toEqual([]);
    await fence(slow, batch!, ['retry']);
    const record = await database.rows(
      'select outcome, worker_id from watchpost.handling where event_id = $1 order by id',
      [batch!.items[0]!.event_id],
    );
    expect(record.at(-1), 'nothing more is recorded of a done event').toEqual({
      outcome: 'done',
      worker_id: other,
    });
    expect(await jobsOf(database, 'taken_over')).toEqual([]);
  });

  it('is not recorded for an event that does not exist', async () => {
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

describe('due jobs that no worker takes', () => {
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
