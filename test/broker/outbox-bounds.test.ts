import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Claims } from '../../src/broker/claims.ts';
import { connectClient } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { addWorker, claim, emit, emitting, numbersOf, subscribe } from './support.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});

describe('the bounds of the outbox', () => {
  type Bounds = Record<string, Record<string, string | null>>;
  const boundsOf = async (from: Bounds = {}, anew = false): Promise<Bounds> =>
    (await database.rows('select watchpost.outbox_bounds($1, $2) as bounds', [from, anew]))[0].bounds;
  const eventsOf = async (topic: string): Promise<string[]> =>
    (await database.rows('select id from watchpost.event where topic = $1 order by id', [topic])).map(
      ({ id }) => id,
    );
  /** Events with keys from some seconds ago, as if their transaction had taken that long. */
  const emittingOld = `
    insert into watchpost.event (id, topic, subject_id, payload, tasks)
    select watchpost.uuidv7_at(now() - make_interval(secs => s)), $1, watchpost.uuidv7(),
      jsonb_strip_nulls(jsonb_build_object('source', $4::text)), array[$2]
    from unnest($3::float8[]) as s`;
  const emitOld = (topic: string, task: string, secondsAgo: number[]) =>
    emitOldOf(topic, task, null, secondsAgo);
  const emitOldOf = (topic: string, task: string, source: string | null, secondsAgo: number[]) =>
    database.rows(emittingOld, [topic, task, secondsAgo, source]);

  it('are the oldest rows that wait', async () => {
    const topic = await subscribe(database, { task: 'bounded' });
    const worker = await addWorker(database, ['bounded']);
    await emitOld(topic, 'bounded', [30, 20, 10]);
    const [first, second] = await eventsOf(topic);
    const before = await boundsOf();
    expect(before[`bounded ${topic}`]).toEqual({ '': first });
    await claim(database, worker, ['bounded'], 1, { bounds: JSON.stringify(before) });
    expect((await boundsOf(before))[`bounded ${topic}`]).toEqual({ '': second });
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
      [(await boundsOf())[`emptied ${topic}`]?.['']],
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
      await slow.query(emittingOld, [topic, 'late', [60], null]);
      await emitOld(topic, 'late', [20, 10]);
      const bounds = await boundsOf();
      await slow.query('commit');
      expect(bounds[`late ${topic}`]).toEqual({ '': (await eventsOf(topic))[1] });
      const withBounds = await claim(database, worker, ['late'], 9, { bounds: JSON.stringify(bounds) });
      const [late, ...others] = await eventsOf(topic);
      expect(withBounds.flatMap(({ items }) => items.map((item) => item.event_id))).toEqual(others);
      const anew = await boundsOf(bounds, true);
      expect(anew[`late ${topic}`]).toEqual({ '': late });
      expect(await claim(database, worker, ['late'], 9, { bounds: JSON.stringify(anew) })).toHaveLength(1);
    },
  );

  it('are kept for each source from which something was claimed, and move with what waits of it', async () => {
    const topic = await subscribe(database, { task: 'cameras' });
    const worker = await addWorker(database, ['cameras']);
    for (const source of ['gate', 'yard']) await emit(database, 'cameras', 2, source);
    const key = `cameras ${topic}`;
    const bounds = await boundsOf({ [key]: { gate: null, yard: null } });
    const recent = bounds[key]?.[''];
    expect(bounds[key], 'all of them are younger than two seconds').toEqual({
      '': recent,
      gate: recent,
      yard: recent,
    });
    await database.rows(`delete from watchpost.outbox where task = 'cameras' and source = 'gate'`);
    await emitOldOf(topic, 'cameras', 'yard', [30, 20]);
    const anew = await boundsOf(bounds, true);
    expect(anew[key]?.yard).toBe((await eventsOf(topic))[0]);
    const claimed = await claim(database, worker, ['cameras'], 9, { bounds: JSON.stringify(anew) });
    expect(claimed.map(({ source }) => source)).toEqual(['yard', 'yard', 'yard', 'yard']);
  });

  it('of some sources hide no other one, wherever it stands among them', async () => {
    await subscribe(database, { task: 'newcomers' });
    const worker = await addWorker(database, ['newcomers']);
    const key = 'newcomers test.newcomers';
    const bounds = await boundsOf({ [key]: { b: null, d: null } });
    for (const source of ['a', 'b', 'c', 'd', 'e']) await emit(database, 'newcomers', 1, source);
    const notYetKnown = { [key]: { ...bounds[key], e: null } };
    const claimed = await claim(database, worker, ['newcomers'], 9, {
      ...{ source: 'b', bounds: JSON.stringify(notYetKnown) },
    });
    expect(claimed.map(({ source }) => source)).toEqual(['c', 'd', 'e', 'a', 'b']);
  });

  it('are kept by a process for the sources from which it has claimed much', async () => {
    const topic = await subscribe(database, { task: 'busy' });
    const worker = await addWorker(database, ['busy']);
    await emit(database, 'busy', 500, 'gate');
    await emit(database, 'busy', 1, 'yard');
    const claims = new Claims(database, worker);
    expect(await claims.claim(['busy'], 600)).toHaveLength(501);
    const now = performance.now.bind(performance);
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now() + 2_000);
    onTestFinished(() => clock.mockRestore());
    expect(await claims.claim(['busy'], 1), 'moves the bounds').toEqual([]);
    for (const source of ['gate', 'yard']) await emitOldOf(topic, 'busy', source, [60]);
    const sources = (await claims.claim(['busy'], 9)).flatMap(({ items }) =>
      items.map((item) => (item as unknown as { source: string }).source),
    );
    expect(sources, 'the row of the gate is older than its bound').toEqual(['yard']);
  });

  it.skipIf(!onServer)(`spare a claim the rows that vacuum may not remove ${needsServer}`, async () => {
    const topic = await subscribe(database, { task: 'held' });
    const worker = await addWorker(database, ['held']);
    const holder = await connectClient(database);
    await holder.query('begin isolation level repeatable read');
    await holder.query('select from watchpost.outbox');
    for (const source of [null, 'gate']) await emit(database, 'held', 5_000, source);
    await database.rows(`delete from watchpost.outbox where task = 'held'`);
    const client = await connectClient(database);
    const pagesRead = async (bounds: Bounds): Promise<number> => {
      const { rows } = await client.query(
        `explain (analyze, buffers, format json) select * from watchpost.claim('${worker}', '{held}', 1, '', '${JSON.stringify(bounds)}')`,
      );
      const [{ Plan: plan }] = rows[0]['QUERY PLAN'];
      return plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
    };
    const [{ now }] = await database.rows('select watchpost.uuidv7_at(clock_timestamp()) as now');
    const all = {};
    const bounded = { [`held ${topic}`]: { '': now, gate: now } };
    // The first time each also reads the catalogs, to plan its statements.
    for (const bounds of [all, bounded]) await pagesRead(bounds);
    const pages = { all: await pagesRead(all), bounded: await pagesRead(bounded) };
    expect(pages.bounded, JSON.stringify(pages)).toBeLessThan(pages.all / 5);
  });

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
    const [second] = await claims.claim(['again'], 9);
    expect(second).toMatchObject({ items: [{ event_id: event }] });
    await database.rows('delete from watchpost.claim where id = $1', [second?.claim]);
    await database.rows(`select watchpost.enqueue(array[$1::uuid], 'again')`, [event]);
    expect(await claims.claim(['again'], 9), 'put back twice').toMatchObject([
      { items: [{ event_id: event }] },
    ]);
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
