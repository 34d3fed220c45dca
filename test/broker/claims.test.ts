import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Claims } from '../../src/broker/claims.ts';
import { connectClient } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { submit } from '../support/pipeline.ts';
import {
  addWorker,
  claim,
  claimsOf,
  emit,
  emitting,
  firstNumbers,
  jobsOf,
  numbersIn,
  numbersOf,
  subscribe,
  waiting,
} from './support.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});

describe('a claim', () => {
  it('has batches of the size of its subscription, in the order of arrival, with the payloads', async () => {
    const topic = await subscribe(database, { task: 'batched', batch_size: 10, max_attempts: 7 });
    const worker = await addWorker(database, ['batched']);
    await emit(database, 'batched', 25);
    const batches = await claim(database, worker, ['batched'], 10);
    expect(batches.map(({ items }) => items.length)).toEqual([10, 10, 5]);
    expect(numbersOf(batches)).toEqual(firstNumbers(25));
    const events = await database.rows(
      'select id, payload from watchpost.event where topic = $1 order by id',
      [topic],
    );
    expect(batches.flatMap(({ items }) => items)).toEqual(
      events.map(({ id, payload }) => ({ event_id: id, ...payload })),
    );
    expect(batches[0]).toMatchObject({ task: 'batched', attempts: 1, max_attempts: 7 });
    expect(await claimsOf(database, 'batched')).toEqual(
      batches.map(({ id, items }) => ({
        id,
        events: items.map(({ event_id }) => event_id),
        attempts: 1,
        worker_id: worker,
      })),
    );
    expect(await waiting(database, 'batched')).toBe(0);
    expect(await claim(database, worker, ['batched'], 10)).toEqual([]);
  });

  it('has at most as many batches as requested, and only of the given tasks', async () => {
    await subscribe(database, { task: 'wanted', batch_size: 2 });
    await subscribe(database, { task: 'of_others' });
    const worker = await addWorker(database, ['wanted', 'of_others']);
    await emit(database, 'wanted', 7);
    await emit(database, 'of_others', 1);
    expect(numbersOf(await claim(database, worker, ['wanted'], 2))).toEqual([0, 1, 2, 3]);
    expect(await claim(database, worker, ['wanted'], 0)).toEqual([]);
    expect(numbersOf(await claim(database, worker, ['wanted'], 9))).toEqual([4, 5, 6]);
    expect(await waiting(database, 'of_others')).toBe(1);
  });

  it('leaves the rows where they are if it is rolled back', async () => {
    await subscribe(database, { task: 'undone', batch_size: 5 });
    const worker = await addWorker(database, ['undone']);
    await emit(database, 'undone', 5);
    const client = await connectClient(database);
    await client.query('begin');
    expect(numbersOf(await claim(client, worker, ['undone'], 5))).toEqual(firstNumbers(5));
    await client.query('rollback');
    expect(await claimsOf(database, 'undone')).toEqual([]);
    expect(numbersOf(await claim(database, worker, ['undone'], 5))).toEqual(firstNumbers(5));
  });

  it('takes urgent tasks first, whatever the order of arrival', async () => {
    await subscribe(database, { task: 'calm', priority: 5 });
    await subscribe(database, { task: 'urgent', priority: -5 });
    const worker = await addWorker(database, ['calm', 'urgent']);
    await emit(database, 'calm', 2);
    await emit(database, 'urgent', 2);
    const tasks = (await claim(database, worker, ['calm', 'urgent'], 3)).map(({ task }) => task);
    expect(tasks).toEqual(['urgent', 'urgent', 'calm']);
  });

  it('takes photos that enrol a person first', async () => {
    const worker = await addWorker(database, ['detect']);
    onTestFinished(async () => {
      await database.rows(`delete from watchpost.outbox`);
      await database.rows(`delete from watchpost.claim`);
    });
    for (let photo = 0; photo < 3; photo++) await submit(database, sample(4));
    await database.rows(
      `with person as (insert into watchpost.person (name) values ('Ada') returning id)
       select watchpost.add_person_photo(p.id, $1) from person as p`,
      [sample(4)],
    );
    const [first] = await claim(database, worker, ['detect'], 1);
    const [event] = await database.rows('select topic from watchpost.event where id = $1', [
      first?.items[0]?.event_id,
    ]);
    expect(event).toEqual({ topic: 'photo.added' });
  });

  it('has no batch of a paused task until it is resumed', async () => {
    await subscribe(database, { task: 'paused' });
    const worker = await addWorker(database, ['paused']);
    await emit(database, 'paused', 2);
    const [released] = await claim(database, worker, ['paused'], 1);
    await database.rows('select watchpost.release_claims(array[$1::uuid])', [worker]);
    await database.rows(`select watchpost.pause('paused')`);
    onTestFinished(async () => void (await database.rows(`select watchpost.resume('paused')`)));
    expect(await claim(database, worker, ['paused'], 9), 'neither waiting nor released').toEqual([]);
    await database.rows(`select watchpost.resume('paused')`);
    const batches = await claim(database, worker, ['paused'], 9);
    expect(batches[0]?.id).toBe(released?.id);
    expect(numbersOf(batches)).toEqual([0, 1]);
  });

  it.each(['stopped_at', 'lost_at'])('gives nothing to a worker with %s', async (column) => {
    const task = `gone_${column}`;
    await subscribe(database, { task });
    const worker = await addWorker(database, [task]);
    await emit(database, task, 1);
    await database.rows(`update watchpost.worker set ${column} = now() where id = $1`, [worker]);
    expect(await claim(database, worker, [task], 1)).toEqual([]);
    if (column === 'lost_at') {
      await database.rows('select watchpost.beat($1)', [worker]);
      expect(await claim(database, worker, [task], 1), 'once it has beaten again').toHaveLength(1);
    }
  });

  it('makes no jobs of claimed tasks, and jobs of the others only on request', async () => {
    await subscribe(database, { task: 'claimed' });
    await subscribe(database, { task: 'as_job', delivery: 'job' });
    const tasks = ['claimed', 'as_job'];
    const worker = await addWorker(database, tasks);
    await emit(database, 'claimed', 2);
    await emit(database, 'as_job', 2);
    expect((await claim(database, worker, tasks, 1)).map(({ task }) => task)).toEqual(['claimed']);
    expect(await waiting(database, 'as_job')).toBe(2);
    expect((await claim(database, worker, tasks, 0, { relays: true })).length).toBe(0);
    expect(numbersIn(await jobsOf(database, 'as_job'))).toEqual([0, 1]);
    expect(await jobsOf(database, 'claimed')).toEqual([]);
    expect(await waiting(database, 'claimed')).toBe(1);
  });

  it.skipIf(!onServer)(`has no event that another session is claiming ${needsServer}`, async () => {
    await subscribe(database, { task: 'shared' });
    const worker = await addWorker(database, ['shared']);
    await emit(database, 'shared', 30);
    const first = await connectClient(database);
    await first.query('begin');
    const taken = await claim(first, worker, ['shared'], 10);
    const others = [
      ...(await claim(database, worker, ['shared'], 15)),
      ...(await claim(database, worker, ['shared'], 9)),
    ];
    expect(numbersOf(taken)).toEqual(firstNumbers(10));
    expect(numbersOf(others)).toEqual(firstNumbers(30).slice(10));
    await first.query('commit');
  });

  it.skipIf(!onServer)(
    `has each of many events exactly once when four sessions race ${needsServer}`,
    async () => {
      await subscribe(database, { task: 'raced', batch_size: 7 });
      const worker = await addWorker(database, ['raced']);
      await emit(database, 'raced', 2000);
      for (const camera of ['a', 'b', 'c']) await emit(database, 'raced', 300, camera);
      const race = async () => {
        const client = await connectClient(database);
        const events: string[] = [];
        while ((await waiting(database, 'raced')) > 0) {
          const batches = await claim(client, worker, ['raced'], 3);
          events.push(...batches.flatMap(({ items }) => items.map(({ event_id }) => event_id)));
        }
        return events;
      };
      const claimed = await Promise.all([race(), race(), race(), race()]);
      expect(Math.min(...claimed.map((events) => events.length))).toBeGreaterThan(0);
      expect(claimed.flat()).toHaveLength(2900);
      expect(new Set(claimed.flat()).size).toBe(2900);
    },
  );

  it.skipIf(!onServer)(`has no event that is not committed yet ${needsServer}`, async () => {
    await subscribe(database, { task: 'pending', batch_size: 5 });
    const worker = await addWorker(database, ['pending']);
    const client = await connectClient(database);
    await client.query('begin');
    await client.query(emitting, ['pending', 5, null]);
    expect(await claim(database, worker, ['pending'], 1)).toEqual([]);
    await client.query('commit');
    expect(numbersOf(await claim(database, worker, ['pending'], 1))).toEqual(firstNumbers(5));
  });
});

describe('a released claim', () => {
  it('is claimed by another worker before anything in the outbox, as the next attempt', async () => {
    await subscribe(database, { task: 'released', batch_size: 2 });
    const [dead, living] = [await addWorker(database, ['released']), await addWorker(database, ['released'])];
    await emit(database, 'released', 4);
    const [first, second] = await claim(database, dead, ['released'], 2);
    await emit(database, 'released', 1);
    await new Claims(database, dead).release([first!.id]);
    const [again] = await claim(database, living, ['released'], 1);
    expect(again).toMatchObject({ id: first!.id, attempts: 2, items: first!.items });
    expect(await claimsOf(database, 'released')).toMatchObject([
      { id: first!.id, worker_id: living },
      { id: second!.id, worker_id: dead },
    ]);
  });

  it('has used no attempt if it was handed back before it began', async () => {
    await subscribe(database, { task: 'not_begun' });
    const worker = await addWorker(database, ['not_begun']);
    await emit(database, 'not_begun', 1);
    const claims = new Claims(database, worker);
    for (let time = 0; time < 6; time++) {
      const batches = await claims.claim(['not_begun'], 1);
      expect(batches).toMatchObject([{ attempt: 1 }]);
      await claims.handBack(batches);
    }
  });

  it('has used up no attempt if its answer never came, however often', async () => {
    await subscribe(database, { task: 'unanswered', max_attempts: 2 });
    const worker = await addWorker(database, ['unanswered']);
    await emit(database, 'unanswered', 2);
    const claims = new Claims(database, worker);
    const [known] = await claims.claim(['unanswered'], 1);
    for (let time = 0; time < 4; time++) {
      expect(await claims.claim(['unanswered'], 1)).toMatchObject([{ attempt: 1 }]);
      await claims.handBackUnanswered([known!.claim]);
      expect(await claims.claim(['unanswered'], 1), 'the answer may still come').toEqual([]);
      await database.rows(`update watchpost.claim set claimed_at = claimed_at - interval '1 minute'`);
      await claims.handBackUnanswered([known!.claim]);
      await database.rows('select watchpost.rescue()');
    }
    expect(await claimsOf(database, 'unanswered')).toMatchObject([
      { id: known!.claim, worker_id: worker, attempts: 1 },
      { worker_id: null, attempts: 0 },
    ]);
  });

  it('that was begun before is one of its kind in a process, so that others do not share its fate', async () => {
    await subscribe(database, { task: 'suspect' });
    const dead = await addWorker(database, ['suspect']);
    await emit(database, 'suspect', 3);
    await claim(database, dead, ['suspect'], 3);
    await new Claims(database, dead).release();
    await emit(database, 'suspect', 2);
    const living = await addWorker(database, ['suspect']);
    const attemptsOf = (batches: { attempts: number }[]) => batches.map(({ attempts }) => attempts);
    const first = await claim(database, living, ['suspect'], 2);
    expect(attemptsOf(first), 'beside what was not begun').toEqual([2, 1]);
    expect(attemptsOf(await claim(database, living, ['suspect'], 9))).toEqual([1]);
    const other = await addWorker(database, ['suspect']);
    expect(attemptsOf(await claim(database, other, ['suspect'], 9)), 'another process').toEqual([2]);
    await database.rows('delete from watchpost.claim where id = $1', [first[0]!.id]);
    expect(attemptsOf(await claim(database, living, ['suspect'], 9)), 'once it is handled').toEqual([2]);
  });
});
