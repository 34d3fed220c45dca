import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
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
  it('has batches of the size of the subscription, in the order of arrival, with the payloads', async () => {
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

  it('has as many batches as it asks for, and only of its tasks', async () => {
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

  it('begins with urgent tasks, whatever came first', async () => {
    await subscribe(database, { task: 'calm', priority: 5 });
    await subscribe(database, { task: 'urgent', priority: -5 });
    const worker = await addWorker(database, ['calm', 'urgent']);
    await emit(database, 'calm', 2);
    await emit(database, 'urgent', 2);
    const tasks = (await claim(database, worker, ['calm', 'urgent'], 3)).map(({ task }) => task);
    expect(tasks).toEqual(['urgent', 'urgent', 'calm']);
  });

  it('begins with photos that are to enrol somebody', async () => {
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

  it('has nothing of a paused task, until it is resumed', async () => {
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

  it('is no job: only what is delivered as jobs becomes one, if it is asked for', async () => {
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

  it.skipIf(!onServer)(`never has an event that another session claims ${needsServer}`, async () => {
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

  it.skipIf(!onServer)(`has each of many events once when four sessions race ${needsServer}`, async () => {
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
  });

  it.skipIf(!onServer)(`has nothing that is not committed yet ${needsServer}`, async () => {
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

describe('sources', () => {
  const flood = async (task: string) => {
    await subscribe(database, { task });
    // Each by one INSERT, the flood first.
    await emit(database, task, 6, 'flood');
    await emit(database, task, 2, 'gate');
    await emit(database, task, 2, 'yard');
    return addWorker(database, [task]);
  };
  const inTurn = [
    'flood 0',
    'gate 0',
    'yard 0',
    'flood 1',
    'gate 1',
    'yard 1',
    'flood 2',
    'flood 3',
    'flood 4',
    'flood 5',
  ];
  const named = (batches: Awaited<ReturnType<typeof claim>>) =>
    batches.flatMap(({ items }) => items.map(({ source, n }) => `${source} ${n}`));

  it('have turns in one claim, and each its own order', async () => {
    const worker = await flood('turns_at_once');
    const batches = await claim(database, worker, ['turns_at_once'], 20);
    expect(named(batches)).toEqual(inTurn);
    expect(batches.map(({ source }) => source)).toEqual(inTurn.map((name) => name.split(' ')[0]));
  });

  it('have turns from claim to claim of a process', async () => {
    const worker = await flood('turns');
    const claims = new Claims(database, worker);
    const seen: string[] = [];
    for (;;) {
      const batches = await claims.claim(['turns'], 1);
      if (batches.length === 0) break;
      for (const { items } of batches)
        seen.push(
          ...(items as unknown as { source: string; n: number }[]).map(({ source, n }) => `${source} ${n}`),
        );
    }
    expect(seen).toEqual(inTurn);
  });

  it.skipIf(!onServer)(`have turns also of two claimers side by side ${needsServer}`, async () => {
    const worker = await flood('turns_of_two');
    const clients = [await connectClient(database), await connectClient(database)];
    const sources = ['', ''];
    const rounds: string[][] = [];
    for (let round = 0; round < 3; round++) {
      for (const client of clients) await client.query('begin');
      const seen = [];
      for (const [at, client] of clients.entries()) {
        const [batch] = await claim(client, worker, ['turns_of_two'], 1, { source: sources[at]! });
        sources[at] = batch!.source;
        seen.push(...named([batch!]));
      }
      for (const client of clients) await client.query('commit');
      rounds.push(seen);
    }
    // Nobody waits for the flood: after one of its photos a slot it is the turn of the others.
    expect(rounds).toEqual([
      ['flood 0', 'flood 1'],
      ['gate 0', 'gate 1'],
      ['yard 0', 'yard 1'],
    ]);
  });

  it('do not keep a claim from going on when the last one is gone', async () => {
    const worker = await flood('last_gone');
    const names = named(await claim(database, worker, ['last_gone'], 2, { source: 'nobody any more' }));
    expect(names).toEqual(['yard 0', 'flood 0']);
  });
});

describe('the bounds of the outbox', () => {
  const boundsOf = async (from: object = {}): Promise<Record<string, string>> =>
    (await database.rows('select watchpost.outbox_bounds($1) as bounds', [from]))[0].bounds;
  const eventsOf = async (topic: string): Promise<string[]> =>
    (await database.rows('select id from watchpost.event where topic = $1 order by id', [topic])).map(
      ({ id }) => id,
    );
  /** Events of some seconds ago, as of a transaction that took so long. */
  const emittingOld = `
    insert into watchpost.event (id, topic, subject_id, tasks)
    select watchpost.uuidv7_at(now() - make_interval(secs => s)), $1, watchpost.uuidv7(), array[$2]
    from unnest($3::float8[]) as s`;
  const emitOld = (topic: string, task: string, secondsAgo: number[]) =>
    database.rows(emittingOld, [topic, task, secondsAgo]);

  it('are the oldest rows that wait', async () => {
    const topic = await subscribe(database, { task: 'bounded' });
    const worker = await addWorker(database, ['bounded']);
    await emitOld(topic, 'bounded', [30, 20, 10]);
    const [first, second] = await eventsOf(topic);
    const before = await boundsOf();
    expect(before[`bounded ${topic}`]).toBe(first);
    await claim(database, worker, ['bounded'], 1, { bounds: JSON.stringify(before) });
    expect((await boundsOf(before))[`bounded ${topic}`]).toBe(second);
  });

  it.skipIf(!onServer)(
    `do not pass over a row that is committed a moment after younger ones ${needsServer}`,
    async () => {
      const topic = await subscribe(database, { task: 'overtaken' });
      const worker = await addWorker(database, ['overtaken']);
      const slow = await connectClient(database);
      await slow.query('begin');
      await slow.query(emitting, ['overtaken', 1, null]);
      await emit(database, 'overtaken', 2);
      const bounds = await boundsOf();
      await slow.query('commit');
      const [first] = await eventsOf(topic);
      const [batch] = await claim(database, worker, ['overtaken'], 1, { bounds: JSON.stringify(bounds) });
      expect(batch?.items[0]?.event_id).toBe(first);
    },
  );

  it('of an empty queue leave room for what is to be committed', async () => {
    const topic = await subscribe(database, { task: 'emptied' });
    const worker = await addWorker(database, ['emptied']);
    const client = await connectClient(database);
    await client.query('begin');
    await client.query(emitting, ['emptied', 1, null]);
    const bounds = await (async () => {
      // On the embedded database everything waits for the transaction that is open.
      if (!onServer) await client.query('commit');
      return onServer ? boundsOf() : {};
    })();
    if (onServer) await client.query('commit');
    expect(
      numbersOf(await claim(database, worker, ['emptied'], 1, { bounds: JSON.stringify(bounds) })),
    ).toEqual([0]);
    const [{ early }] = await database.rows(
      `select watchpost.uuidv7_time($1::uuid) between clock_timestamp() - interval '1 minute'
         and clock_timestamp() - interval '1.9 seconds' as early`,
      [(await boundsOf())[`emptied ${topic}`]],
    );
    expect(early).toBe(true);
  });

  it.skipIf(!onServer)(
    `pass over a row that is committed late, until all are looked at ${needsServer}`,
    async () => {
      const topic = await subscribe(database, { task: 'late' });
      const worker = await addWorker(database, ['late']);
      const slow = await connectClient(database);
      await slow.query('begin');
      await slow.query(emittingOld, [topic, 'late', [60]]);
      await emitOld(topic, 'late', [20, 10]);
      const bounds = await boundsOf();
      await slow.query('commit');
      expect(bounds[`late ${topic}`]).toBe((await eventsOf(topic))[1]);
      const withBounds = await claim(database, worker, ['late'], 9, { bounds: JSON.stringify(bounds) });
      const [late, ...others] = await eventsOf(topic);
      expect(withBounds.flatMap(({ items }) => items.map((item) => item.event_id))).toEqual(others);
      const anew = await boundsOf();
      expect(anew[`late ${topic}`]).toBe(late);
      expect(await claim(database, worker, ['late'], 9, { bounds: JSON.stringify(anew) })).toHaveLength(1);
    },
  );

  it('do not matter to an event that is put back: it is claimed at once', async () => {
    const topic = await subscribe(database, { task: 'again' });
    const worker = await addWorker(database, ['again']);
    await emitOld(topic, 'again', [60]);
    const claims = new Claims(database, worker);
    const [batch] = await claims.claim(['again'], 9);
    await database.rows('delete from watchpost.claim where id = $1', [batch?.claim]);
    expect(await claims.claim(['again'], 9)).toEqual([]);
    const event = batch?.items[0]?.event_id;
    await database.rows(`select watchpost.enqueue(array[$1::uuid], 'again')`, [event]);
    expect(await claims.claim(['again'], 9)).toMatchObject([{ items: [{ event_id: event }] }]);
  });

  it('are found anew by a process every ten seconds', async () => {
    const topic = await subscribe(database, { task: 'put_back' });
    const worker = await addWorker(database, ['put_back']);
    await emit(database, 'put_back', 1);
    // Older than what an empty queue leaves room for.
    await database.rows(
      `insert into watchpost.event (id, topic, subject_id, tasks)
       values (watchpost.uuidv7_at(now() - interval '1 minute'), $1, watchpost.uuidv7(), '{put_back}')`,
      [topic],
    );
    const [old] = await eventsOf(topic);
    await database.rows('delete from watchpost.outbox where event_id = $1', [old]);
    const claims = new Claims(database, worker);
    expect(await claims.claim(['put_back'], 9), 'its bound is the younger one').toHaveLength(1);
    await database.rows(
      `insert into watchpost.outbox (event_id, task, topic, payload) values ($1, 'put_back', $2, '{}')`,
      [old, topic],
    );
    expect(await claims.claim(['put_back'], 9)).toEqual([]);
    const now = performance.now.bind(performance);
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now() + 10_000);
    onTestFinished(() => clock.mockRestore());
    expect(await claims.claim(['put_back'], 9)).toMatchObject([{ items: [{ event_id: old }] }]);
  });
});

describe('what a worker writes', () => {
  /** Writes events in one transaction of a worker that goes on with them; returns what it has claimed. */
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

  it('is claimed by it, in the same transaction', async () => {
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

  it('is found as what this transaction has claimed, and nothing else', async () => {
    await subscribe(database, { task: 'told_apart', batch_size: 9, priority: -5 });
    const worker = await addWorker(database, ['told_apart']);
    const other = await addWorker(database, ['told_apart']);
    await emit(database, 'told_apart', 1);
    await claim(database, worker, ['told_apart'], 1);
    await write(worker, 'told_apart', 2);
    await write(other, 'told_apart', 3);
    expect(numbersOf((await write(worker, 'told_apart', 4)).rows)).toEqual(firstNumbers(4));
    const client = await connectClient(database);
    await client.query('begin');
    expect((await client.query('select from watchpost.claimed_here($1, 0)', [worker])).rows).toEqual([]);
  });

  it('waits in the outbox if it is more than four batches', async () => {
    await subscribe(database, { task: 'crowd', batch_size: 2, priority: -5 });
    const worker = await addWorker(database, ['crowd']);
    expect((await write(worker, 'crowd', 8)).rows).toHaveLength(1);
    expect(await waiting(database, 'crowd')).toBe(0);
    expect((await write(worker, 'crowd', 9)).rows).toEqual([]);
    expect(await waiting(database, 'crowd')).toBe(9);
  });

  it.each([
    ['is not urgent', { priority: 0 }, {}],
    ['is of a task that it does not run', {}, { tasks: ['something_else'] }],
    ['is delivered as jobs', { delivery: 'job' as const }, {}],
    ['is of a paused task', {}, { paused: true }],
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

  it('is nothing if it is rolled back', async () => {
    await subscribe(database, { task: 'undone_too', priority: -5 });
    const worker = await addWorker(database, ['undone_too']);
    await write(worker, 'undone_too', 3, 'rollback');
    expect(await claimsOf(database, 'undone_too')).toEqual([]);
    expect(await waiting(database, 'undone_too')).toBe(0);
  });
});

describe('a released claim', () => {
  it('is claimed by another worker before anything of the outbox, one attempt later', async () => {
    await subscribe(database, { task: 'released', batch_size: 2 });
    const [dead, living] = [await addWorker(database, ['released']), await addWorker(database, ['released'])];
    await emit(database, 'released', 4);
    const [first, second] = await claim(database, dead, ['released'], 2);
    await emit(database, 'released', 1);
    expect(await new Claims(database, dead).release(0, [second!.id])).toBe(1);
    const [again] = await claim(database, living, ['released'], 1);
    expect(again).toMatchObject({ id: first!.id, attempts: 2, items: first!.items });
    expect(await claimsOf(database, 'released')).toMatchObject([
      { id: first!.id, worker_id: living },
      { id: second!.id, worker_id: dead },
    ]);
  });

  it('has used up no attempt if it was handed back before it began', async () => {
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

  it('stays with its worker while it is younger than asked for', async () => {
    await subscribe(database, { task: 'young' });
    const worker = await addWorker(database, ['young']);
    await emit(database, 'young', 1);
    const claims = new Claims(database, worker);
    await claims.claim(['young'], 1);
    expect(await claims.release(60_000)).toBe(0);
    expect(await claims.release()).toBe(1);
  });
});
