import { beforeAll, describe, expect, it } from 'vitest';
import { connectClient } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { emit, emitting, firstNumbers, jobsOf, numbersIn, subscribe, waiting } from './support.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});

describe('watchpost.relay()', () => {
  const relay = async (maxRows = 2000): Promise<number> =>
    (await database.rows('select watchpost.relay($1) as relayed', [maxRows]))[0].relayed;

  /** The first job of a task inserts the task's name into a table, and a concurrent relay would wait for that. */
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

  it('leaves to workers what they claim, until upkeep finds that its subscription is gone', async () => {
    const topic = await subscribe(database, { task: 'unsubscribed', batch_size: 5 });
    await emit(database, 'unsubscribed', 3);
    expect(await relay()).toBe(0);
    await database.rows('delete from watchpost.subscription where topic = $1', [topic]);
    expect(await relay()).toBe(0);
    await database.rows(
      `update watchpost.upkeep_task set last_run = case when task <> 'events' then now() end`,
    );
    expect(await database.rows('select task, error from watchpost.upkeep()')).toEqual([
      { task: 'events', error: null },
    ]);
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
