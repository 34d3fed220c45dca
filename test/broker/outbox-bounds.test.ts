import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Claims } from '../../src/broker/claims.ts';
import { connectClient } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { addWorker, claim, emit, emitting, numbersOf, subscribe } from './support.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});

describe('the lower bounds of the outbox', () => {
  const boundsOf = async (from: object = {}): Promise<Record<string, string>> =>
    (await database.rows('select watchpost.outbox_bounds($1) as bounds', [from]))[0].bounds;
  const eventsOf = async (topic: string): Promise<string[]> =>
    (await database.rows('select id from watchpost.event where topic = $1 order by id', [topic])).map(
      ({ id }) => id,
    );
  /** Events with keys from some seconds ago, as if their transaction had taken that long. */
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
    `do not exclude a row that is committed a moment after younger ones ${needsServer}`,
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

  it('of an empty queue leave room for rows that are not committed yet', async () => {
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
    `exclude a row that is committed late, until they are computed from all rows ${needsServer}`,
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
      const recomputed = await boundsOf();
      expect(recomputed[`late ${topic}`]).toBe(late);
      expect(await claim(database, worker, ['late'], 9, { bounds: JSON.stringify(recomputed) })).toHaveLength(
        1,
      );
    },
  );

  it('do not delay an event that is put back: it is claimed at once', async () => {
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

  it('are computed from all rows every ten seconds', async () => {
    const topic = await subscribe(database, { task: 'put_back' });
    const worker = await addWorker(database, ['put_back']);
    await emit(database, 'put_back', 1);
    // Older than the bound of an empty queue.
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
