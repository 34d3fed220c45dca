import { beforeAll, describe, expect, it } from 'vitest';
import { connectClient } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { emit, emitting, firstNumbers, jobsOf, numbersIn, subscribe } from './support.ts';

describe('watchpost.relay()', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });

  const relay = async (maxRows = 2000): Promise<number> =>
    (await database.rows('select watchpost.relay($1) as relayed', [maxRows]))[0].relayed;

  /** The very first job of a task writes its name into a table, which a second relay would wait for. */
  const makeTaskKnown = async (task: string): Promise<void> => {
    await database.rows('select graphile_worker.add_job($1)', [task]);
    await database.rows(
      `delete from graphile_worker._private_jobs where task_id =
         (select id from graphile_worker._private_tasks where identifier = $1)`,
      [task],
    );
  };

  it('packs events into batches of the size, attempts and priority of their subscription', async () => {
    await subscribe(database, { task: 'batched', batch_size: 10, max_attempts: 7, priority: -5 });
    await emit(database, 'batched', 25);
    expect(await relay()).toBe(25);
    const jobs = await jobsOf(database, 'batched');
    expect(jobs.map((job) => job.payload.length).sort((a, b) => b - a)).toEqual([10, 10, 5]);
    expect(numbersIn(jobs)).toEqual(firstNumbers(25));
    expect(new Set(jobs.map((job) => `${job.max_attempts} ${job.priority}`))).toEqual(new Set(['7 -5']));
    expect(await database.rows('select * from watchpost.outbox')).toEqual([]);
    expect(await relay(), 'there is nothing left').toBe(0);
  });

  it('gives an item the payload of its event, with the event id', async () => {
    await subscribe(database, { task: 'carried' });
    await emit(database, 'carried', 1);
    await relay();
    const [event] = await database.rows(`select id from watchpost.event where topic = 'test.carried'`);
    expect(await jobsOf(database, 'carried')).toMatchObject([{ payload: [{ event_id: event.id, n: 0 }] }]);
  });

  it('never splits the events of one image over jobs', async () => {
    await subscribe(database, { task: 'whole', batch_size: 4 });
    await emit(database, 'whole', 15, 3);
    await relay();
    const jobs = await jobsOf(database, 'whole');
    // One image's events begin as the 4th, so they still go with another's; the rest fill a batch each.
    expect(jobs.map((job) => job.payload.length).sort()).toEqual([3, 3, 3, 6]);
    const jobOfEvent = new Map(jobs.flatMap((job, at) => job.payload.map((item) => [item.n, at] as const)));
    for (const image of firstNumbers(5)) {
      expect(new Set([0, 1, 2].map((n) => jobOfEvent.get(image * 3 + n))).size).toBe(1);
    }
  });

  it('keeps the events of different tasks and topics in different jobs', async () => {
    await subscribe(database, { task: 'one_kind', batch_size: 100 });
    await subscribe(database, { task: 'other_kind', batch_size: 100 });
    await emit(database, 'one_kind', 3);
    await emit(database, 'other_kind', 4);
    expect(await relay()).toBe(7);
    expect((await jobsOf(database, 'one_kind')).map((job) => job.payload.length)).toEqual([3]);
    expect((await jobsOf(database, 'other_kind')).map((job) => job.payload.length)).toEqual([4]);
  });

  it('makes no job of rows that were rolled back', async () => {
    await subscribe(database, { task: 'undone' });
    const client = await connectClient(database);
    await client.query('begin');
    await client.query(emitting, ['undone', 5, 1]);
    await client.query('rollback');
    expect(await relay()).toBe(0);
    expect(await jobsOf(database, 'undone')).toEqual([]);
  });

  it('is not needed for rows of a transaction that asks for jobs at once', async () => {
    await subscribe(database, { task: 'at_once', batch_size: 2 });
    const client = await connectClient(database);
    const emitAtOnce = async (events: number, end: 'commit' | 'rollback') => {
      await client.query('begin');
      await client.query(`select set_config('watchpost.hand_over', 'on', true)`);
      await client.query(emitting, ['at_once', events, 1]);
      await client.query(end);
    };
    await emitAtOnce(5, 'rollback');
    expect(await jobsOf(database, 'at_once')).toEqual([]);
    await emitAtOnce(3, 'commit');
    const jobs = await jobsOf(database, 'at_once');
    expect(jobs.map((job) => job.payload.length).sort()).toEqual([1, 2]);
    expect(numbersIn(jobs)).toEqual(firstNumbers(3));
    expect(await database.rows(`select from watchpost.outbox where task = 'at_once'`)).toEqual([]);
    // The setting ends with its transaction.
    await client.query(emitting, ['at_once', 1, 1]);
    expect(await relay()).toBe(1);
  });

  it('puts the rows back if its own transaction is rolled back', async () => {
    await subscribe(database, { task: 'retaken' });
    await emit(database, 'retaken', 5);
    const client = await connectClient(database);
    await client.query('begin');
    const { rows } = await client.query('select watchpost.relay() as relayed');
    await client.query('rollback');
    expect(rows).toEqual([{ relayed: 5 }]);
    expect(await jobsOf(database, 'retaken')).toEqual([]);
    expect(await relay()).toBe(5);
  });

  it.skipIf(!onServer)(`makes no job of rows that are not committed yet ${needsServer}`, async () => {
    await subscribe(database, { task: 'pending' });
    const client = await connectClient(database);
    await client.query('begin');
    await client.query(emitting, ['pending', 5, 1]);
    expect(await relay()).toBe(0);
    await client.query('commit');
    expect(await relay()).toBe(5);
    expect(numbersIn(await jobsOf(database, 'pending'))).toEqual(firstNumbers(5));
  });

  it.skipIf(!onServer)(
    `takes the rows that another relay has not taken, without waiting ${needsServer}`,
    async () => {
      await subscribe(database, { task: 'shared' });
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
    await subscribe(database, { task: 'raced', batch_size: 7 });
    await emit(database, 'raced', 6000, 2);
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
    expect(relayed[0] + relayed[1] + relayed[2]).toBe(6000);
    expect(numbersIn(await jobsOf(database, 'raced'))).toEqual(firstNumbers(6000));
  });

  it.skipIf(!onServer)(
    `gives way when it is patient and another patient one is at it ${needsServer}`,
    async () => {
      await subscribe(database, { task: 'patient' });
      await makeTaskKnown('patient');
      await emit(database, 'patient', 3);
      const polling = await connectClient(database);
      await polling.query('begin');
      await polling.query('select watchpost.relay(1, true)');
      const patient = () => database.rows('select watchpost.relay(1, true) as relayed');
      expect(await patient()).toEqual([{ relayed: null }]);
      expect(await relay(1), 'one that was nudged does not care').toBe(1);
      await polling.query('commit');
      expect(await patient()).toEqual([{ relayed: 1 }]);
    },
  );
});
