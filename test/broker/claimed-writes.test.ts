import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { connectClient } from '../support/client.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import {
  addWorker,
  claim,
  claimsOf,
  emit,
  emitting,
  firstNumbers,
  numbersOf,
  subscribe,
  waiting,
} from './support.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});

describe('an event that a worker writes', () => {
  /** Writes events in one transaction of a worker that claims what it writes; returns what it has claimed. */
  const write = async (
    worker: string,
    task: string,
    events: number,
    end: 'commit' | 'rollback' = 'commit',
  ) => {
    const client = await connectClient(database);
    await client.query('begin');
    await client.query(`select set_config('watchpost.claimed_by', $1, true)`, [worker]);
    await client.query(emitting, [task, events, null]);
    const { rows } = await client.query('select * from watchpost.claimed_here($1, 0)', [worker]);
    await client.query(end);
    return { rows, client };
  };

  it('is claimed by that worker, in the same transaction', async () => {
    await subscribe(database, { task: 'followed', batch_size: 2, max_attempts: 3, priority: -5 });
    const worker = await addWorker(database, ['followed', 'another']);
    const { rows, client } = await write(worker, 'followed', 5);
    expect(rows).toMatchObject([{ task: 'followed', attempts: 1, max_attempts: 3 }]);
    expect(numbersOf(rows)).toEqual(firstNumbers(5));
    expect(await claimsOf(database, 'followed')).toMatchObject([{ id: rows[0].id, worker_id: worker }]);
    expect(await waiting(database, 'followed')).toBe(0);
    // The setting ends with its transaction.
    await client.query(emitting, ['followed', 1, null]);
    expect(await waiting(database, 'followed')).toBe(1);
  });

  it('is returned as a claim of this transaction, without claims of others', async () => {
    await subscribe(database, { task: 'distinct', batch_size: 9, priority: -5 });
    const worker = await addWorker(database, ['distinct']);
    const other = await addWorker(database, ['distinct']);
    await emit(database, 'distinct', 1);
    await claim(database, worker, ['distinct'], 1);
    await write(worker, 'distinct', 2);
    await write(other, 'distinct', 3);
    expect(numbersOf((await write(worker, 'distinct', 4)).rows)).toEqual(firstNumbers(4));
    const client = await connectClient(database);
    await client.query('begin');
    expect((await client.query('select from watchpost.claimed_here($1, 0)', [worker])).rows).toEqual([]);
  });

  it('waits in the outbox if there are more than four batches', async () => {
    await subscribe(database, { task: 'crowd', batch_size: 2, priority: -5 });
    const worker = await addWorker(database, ['crowd']);
    expect((await write(worker, 'crowd', 8)).rows).toHaveLength(1);
    expect(await waiting(database, 'crowd')).toBe(0);
    expect((await write(worker, 'crowd', 9)).rows).toEqual([]);
    expect(await waiting(database, 'crowd')).toBe(9);
  });

  it.each([
    ['is not urgent', { priority: 0 }, {}],
    ['is for a task that the worker does not run', {}, { tasks: ['something_else'] }],
    ['is delivered as jobs', { delivery: 'job' as const }, {}],
    ['is for a paused task', {}, { paused: true }],
  ])(
    'waits in the outbox if it %s',
    async (_, subscription, { tasks, paused }: { tasks?: string[]; paused?: boolean }) => {
      await subscribe(database, { task: 'left_alone', priority: -5, ...subscription });
      const worker = await addWorker(database, tasks ?? ['left_alone']);
      if (paused) await database.rows(`select watchpost.pause('left_alone')`);
      onTestFinished(async () => void (await database.rows(`select watchpost.resume('left_alone')`)));
      expect((await write(worker, 'left_alone', 1)).rows).toEqual([]);
      expect(await waiting(database, 'left_alone')).toBe(1);
      expect(await claimsOf(database, 'left_alone')).toEqual([]);
    },
  );

  it('is neither claimed nor queued if the transaction is rolled back', async () => {
    await subscribe(database, { task: 'undone_too', priority: -5 });
    const worker = await addWorker(database, ['undone_too']);
    await write(worker, 'undone_too', 3, 'rollback');
    expect(await claimsOf(database, 'undone_too')).toEqual([]);
    expect(await waiting(database, 'undone_too')).toBe(0);
  });
});
