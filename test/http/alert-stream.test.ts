import { beforeAll, describe, expect, it } from 'vitest';
import type { Vision } from '../../src/vision/index.ts';
import { raiseAlert } from '../support/alerts.ts';
import { connectClient } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { realVision } from '../support/pipeline.ts';
import { until } from '../support/until.ts';
import { openStream, type Received, type Stream } from './streams.ts';
import { type Api, admit, expectProblem, idleProcess, listen, type Process } from './support.ts';

let database: TestDatabase;
let vision: Vision;
let process: Process;
let api: Api;
beforeAll(async () => {
  database = await freshDatabase();
  vision = await realVision();
  process = await idleProcess(database, vision, 'resting');
  api = await listen(database, vision, process);
  await admit(database, api);
});

const follow = (query = '', headers: Record<string, string> = {}, at = api): Promise<Stream> =>
  openStream(at, `/v1/alerts/stream${query}`, { headers, schema: 'Alert' });
const idsOf = (received: Received[]) => received.map(({ data }) => data.id);
const raise = async (
  ...options: Parameters<typeof raiseAlert> extends [unknown, ...infer Rest] ? Rest : never
) => (await raiseAlert(database, ...options)).alertId;

describe('GET /v1/alerts/stream', () => {
  it('sends each new alert once, as the list shows it, and no earlier one', async () => {
    await raise();
    const [stream, other] = [await follow(), await follow()];
    const alertId = await raise();
    const [first] = await stream.has(1);
    const { body } = await api.call('GET', '/v1/alerts');
    const listed = body.alerts.find((alert: { id: string }) => alert.id === alertId);
    expect(first).toEqual({ id: expect.stringMatching(/^\d+:\d+:/), event: 'alert.raised', data: listed });
    const second = await raise();
    expect(idsOf(await stream.has(2))).toEqual([alertId, second]);
    expect(idsOf(await other.has(2))).toEqual([alertId, second]);
  });

  it('resumes after Last-Event-ID with every alert raised meanwhile', async () => {
    const stream = await follow();
    await raise();
    await stream.has(1);
    stream.close();
    await stream.ended;
    const meanwhile = [await raise(), await raise()];
    const again = await follow('', { 'last-event-id': stream.lastId });
    const after = await raise();
    expect(idsOf(await again.has(3))).toEqual([...meanwhile, after]);
  });

  it('resumes after a heartbeat, if there was no alert before', async () => {
    const stream = await follow();
    stream.close();
    await stream.ended;
    const meanwhile = await raise();
    expect(idsOf(await (await follow('', { 'last-event-id': stream.lastId })).has(1))).toEqual([meanwhile]);
  });

  it.skipIf(!onServer)(
    `misses no alert that was written before another one and committed after it ${needsServer}`,
    async () => {
      const stream = await follow();
      const client = await connectClient(database);
      const rows = async (text: string, values: unknown[] = []) => (await client.query(text, values)).rows;
      await client.query('begin');
      const slow = await raise({ raising: { rows: rows as TestDatabase['rows'] } });
      const quick = await raise();
      expect(slow < quick).toBe(true);
      expect(idsOf(await stream.has(1))).toEqual([quick]);
      const { lastId } = stream;
      await client.query('commit');
      expect(idsOf(await stream.has(2))).toEqual([quick, slow]);
      // A client cut off between the two gets the late one too, and none twice.
      const resumed = await follow('', { 'last-event-id': lastId });
      const next = await raise();
      expect(idsOf(await resumed.has(2))).toEqual([slow, next]);
      expect(idsOf(await stream.has(3))).toEqual([quick, slow, next]);
    },
  );

  it('sends more alerts than one query reads, each once', async () => {
    const stream = await follow();
    stream.close();
    await stream.ended;
    const { alertId, personId } = await raiseAlert(database);
    const rows = await database.rows(
      `insert into watchpost.alert
         (person_id, watchlist_id, place, severity, best_match_id, similarity, first_seen, last_seen)
       select a.person_id, a.watchlist_id, 'camera:' || n, 'info', a.best_match_id, 0.5, now(), now()
       from watchpost.alert as a cross join generate_series(1, 1100) as n
       where a.person_id = $1 returning id`,
      [personId],
    );
    const resumed = await follow(`?person_id=${personId}`, { 'last-event-id': stream.lastId });
    const received = idsOf(await resumed.has(1101));
    expect(received.toSorted()).toEqual([alertId, ...rows.map(({ id }) => id)].toSorted());
  });

  it('applies the filters of the list', async () => {
    const [list] = await database.rows(
      `insert into watchpost.watchlist (name, severity) values ('vip list', 'critical') returning id`,
    );
    const [byList, bySeverity] = [
      await follow('?watchlist=vip%20list'),
      await follow('?min_severity=critical'),
    ];
    await raise({ severity: 'info' });
    const mine = await raise({ watchlistId: list.id });
    expect(idsOf(await byList.has(1))).toEqual([mine]);
    expect(idsOf(await bySeverity.has(1))).toEqual([mine]);
  });

  it.each([
    ['?state=closed', {}, 'query_invalid'],
    ['?limit=5', {}, 'query_invalid'],
    ['', { 'last-event-id': 'yesterday' }, 'header_invalid'],
    ['', { 'last-event-id': '20:10:' }, 'header_invalid'],
    ['', { 'last-event-id': '1:2:1,1,'.repeat(600) }, 'header_invalid'],
    ['', { authorization: 'Bearer nothing' }, 'key_invalid'],
  ] as const)('refuses %s %s', async (query, headers, code) => {
    expectProblem(await api.call('GET', `/v1/alerts/stream${query}`, undefined, headers), code);
  });

  it.skipIf(!onServer)(`continues when the connection that listens is cut ${needsServer}`, async () => {
    const stream = await follow();
    const listening = () =>
      database.rows(
        `select pid from pg_stat_activity
         where application_name = 'watchpost alerts' and datname = current_database() and query like 'listen%'`,
      );
    const [first] = await until(async () => {
      const found = await listening();
      return found.length > 0 && found;
    });
    await database.rows('select pg_terminate_backend($1)', [first.pid]);
    const alertId = await raise();
    expect(idsOf(await stream.has(1))).toEqual([alertId]);
    await until(async () => (await listening()).some(({ pid }) => pid !== first.pid));
  });

  it.skipIf(!onServer)(
    `listens with one connection for all, and none when all have left ${needsServer}`,
    async () => {
      const connections = async () =>
        (
          await database.rows(
            `select pid from pg_stat_activity
           where application_name = 'watchpost alerts' and datname = current_database()`,
          )
        ).length;
      await until(async () => (await connections()) === 0);
      const streams = [await follow(), await follow(), await follow()];
      await until(async () => (await connections()) === 1);
      for (const stream of streams) stream.close();
      await until(async () => (await connections()) === 0);
    },
  );

  it('answers 503 to the 101st, and opens another one when one has closed', async () => {
    const fresh = await listen(database, vision, process, { streamsPerKey: 100 });
    await admit(database, fresh);
    const streams = await Promise.all(Array.from({ length: 100 }, () => follow('', {}, fresh)));
    const refused = await fresh.call('GET', '/v1/alerts/stream');
    expectProblem(refused, 'streams_full');
    expect(refused.headers.get('retry-after')).toBe('5');
    streams[0]?.close();
    await until(async () => {
      const abort = new AbortController();
      const response = await fetch(`${fresh.url}/v1/alerts/stream`, {
        headers: { authorization: `Bearer ${fresh.key}` },
        signal: abort.signal,
      });
      abort.abort();
      return response.status === 200;
    });
  });

  it('ends when the server stops', async () => {
    const stopping = new AbortController();
    const ending = await listen(database, vision, process, {}, stopping.signal);
    await admit(database, ending);
    const stream = await follow('', {}, ending);
    stopping.abort();
    await stream.ended;
    expectProblem(await ending.call('GET', '/v1/alerts/stream'), 'streams_full');
  });
});

describe('NOTIFY watchpost_alert', () => {
  it('notifies sessions that LISTEN of a new alert', async () => {
    const client = await connectClient(database);
    const heard: unknown[] = [];
    client.on('notification', ({ channel, payload }) => heard.push([channel, JSON.parse(payload ?? '')]));
    await client.query('listen watchpost_alert');
    const { alertId, personId } = await raiseAlert(database, { severity: 'critical' });
    await until(async () => heard.length > 0);
    expect(heard).toEqual([
      [
        'watchpost_alert',
        { alert_id: alertId, person_id: personId, severity: 'critical', retroactive: false },
      ],
    ]);
  });
});
