import { beforeAll, describe, expect, it } from 'vitest';
import { openLog } from '../../src/log.ts';
import { type Metrics, startMetrics } from '../../src/monitoring/metrics/index.ts';
import { startWorker } from '../../src/runner/worker.ts';
import { addEndpoint, answering, hurry, openReceiver } from '../endpoints/support.ts';
import { type Api, admit, expectProblem, listen } from '../http/support.ts';
import { atEnd } from '../support/at-end.ts';
import { textFile } from '../support/bad-photos.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, outgoing, realVision, submit, untilFinal, untilIdle } from '../support/pipeline.ts';
import { until } from '../support/until.ts';
import { catalogue, namesIn, promtool, rulesFile } from './catalogue.ts';

const log = openLog('silent');

/** The value of each series, by its name and labels as they are written. */
type Series = ReadonlyMap<string, number>;

describe('/metrics', () => {
  let database: TestDatabase;
  let api: Api;
  let metrics: Metrics;
  /** Series whose value was another one in two readings. */
  const moved = new Set<string>();
  let last: Series = new Map();

  beforeAll(async () => {
    database = await freshDatabase();
    metrics = startMetrics(database, { installation: true, keptMs: 0, log });
    const vision = metrics.measured(await realVision());
    const worker = await startWorker(
      { database, vision, outgoing, observer: metrics.observer },
      { concurrency: 2, log },
    );
    atEnd(() => worker.stop());
    const process = { id: worker.id, nudge: () => worker.nudge() };
    api = await listen(database, vision, process, { metrics: 'loopback' }, undefined, { metrics });
    await admit(database, api);
  });

  const read = async (): Promise<Series> => {
    const { status, body } = await api.call('GET', '/metrics');
    expect(status).toBe(200);
    const lines = Buffer.from(body).toString().split('\n');
    const series = new Map(
      lines
        .filter((line) => line && !line.startsWith('#'))
        .map((line): [string, number] => [
          line.slice(0, line.lastIndexOf(' ')),
          Number(line.slice(line.lastIndexOf(' '))),
        ]),
    );
    for (const [name, value] of series) if ((last.get(name) ?? 0) !== value) moved.add(name);
    last = series;
    return series;
  };
  const value = async (name: string) => (await read()).get(name) ?? 0;

  it('counts a photo on its way to an alert: what was handled, how long, what was found and sent', async () => {
    const receiver = await openReceiver();
    receiver.answer = answering(503);
    await enrolAda(database);
    await addEndpoint(database, { name: 'guards', url: receiver.url });
    await untilIdle(database);
    await read();
    const photo = await submit(database, sample(1));
    await untilFinal(database, photo);
    await receiver.has(1);
    await until(async () => (await value('watchpost_retrying_events{task="deliver"}')) === 1);
    receiver.answer = answering(204);
    await until(async () => {
      await hurry(database);
      return (await value('watchpost_deliveries_total{outcome="delivered"}')) === 1;
    });
    await untilIdle(database);
    const after = await read();
    expect(
      Object.fromEntries(
        [...after].filter(([name]) => /^watchpost_(faces|matches|alerts|deliveries|images)_/.test(name)),
      ),
    ).toEqual({
      'watchpost_images_total{outcome="done"}': 2,
      watchpost_faces_total: 6,
      watchpost_matches_total: 1,
      watchpost_alerts_total: 1,
      'watchpost_deliveries_total{outcome="failed"}': expect.any(Number),
      'watchpost_deliveries_total{outcome="delivered"}': 1,
    });
    expect(after.get('watchpost_events_total{task="detect",outcome="done"}')).toBe(2);
    const failed = after.get('watchpost_deliveries_total{outcome="failed"}');
    expect(failed).toBeGreaterThanOrEqual(1);
    expect(after.get('watchpost_events_total{task="deliver",outcome="retry"}')).toBe(failed);
    expect(after.get('watchpost_similarity_count{outcome="match"}')).toBe(1);
    // 0.7275.
    expect(after.get('watchpost_similarity_bucket{le="0.7",outcome="match"}')).toBe(0);
    expect(after.get('watchpost_similarity_bucket{le="0.75",outcome="match"}')).toBe(1);
    expect(after.get('watchpost_similarity_count{outcome="below_threshold"}')).toBe(2);
    expect(after.get('watchpost_model_duration_seconds_count{call="faces"}')).toBe(2);
    expect(after.get('watchpost_model_duration_seconds_count{call="embed"}')).toBeGreaterThanOrEqual(2);
    expect(after.get('watchpost_stage_duration_seconds_count{task="match"}')).toBeGreaterThanOrEqual(1);

    await untilFinal(database, await submit(database, textFile()));
    expect(await value('watchpost_images_total{outcome="refused"}')).toBe(1);
  });

  it('says what waits, for how long, what is paused and what is dead', async () => {
    await database.rows(`select watchpost.pause('detect')`);
    const photos = [await submit(database, sample(1)), await submit(database, sample(2))];
    const held = await read();
    expect(held.get('watchpost_waiting_events{task="detect"}')).toBe(2);
    expect(held.get('watchpost_oldest_waiting_seconds{task="detect"}')).toBeGreaterThan(0);
    expect(held.get('watchpost_task_paused{task="detect"}')).toBe(1);
    await database.rows(
      `with gone as (delete from watchpost.outbox where payload ->> 'image_id' = $1 returning event_id)
       select watchpost.bury('detect', array(select g.event_id from gone as g), 5, null)`,
      [photos[0]],
    );
    expect(await value('watchpost_dead_letters{task="detect"}')).toBe(1);
    await database.rows(
      `insert into watchpost.claim (task, topic, events, worker_id)
       select o.task, o.topic, array[o.event_id], (select id from watchpost.worker limit 1)
       from watchpost.outbox as o where o.task = 'detect'`,
    );
    expect(await value('watchpost_running_events{task="detect"}')).toBe(1);
    await database.rows('delete from watchpost.claim');
    await database.rows(`select watchpost.resume('detect')`);
    await untilIdle(database);
    const done = await read();
    expect(done.get('watchpost_waiting_events{task="detect"}')).toBe(0);
    expect(done.get('watchpost_oldest_waiting_seconds{task="detect"}')).toBe(0);
    expect(done.get('watchpost_task_paused{task="detect"}')).toBe(0);
  });

  it('says how workers, cameras, the pool, vacuum, alarms and invariants are', async () => {
    await database.rows(
      `insert into watchpost.camera (name, location, created_at) values ('gate', 'Gate', now() - interval '1 hour')`,
    );
    const silent = await value('watchpost_camera_silence_seconds{site="default",camera="gate"}');
    expect(silent).toBeGreaterThanOrEqual(3600);
    await submit(database, sample(2), 'gate');
    expect(await value('watchpost_camera_silence_seconds{site="default",camera="gate"}')).toBeLessThan(60);
    await untilIdle(database);
    await database.rows(`update watchpost.camera set source = 'rtsp://camera.example/x' where name = 'gate'`);
    await database.rows(
      `insert into watchpost.camera_watch (camera_id, watcher, leased_until, state, read, submitted, known, dropped, reconnects)
       select id, gen_random_uuid(), now() + interval '1 hour', 'watching', 13, 6, 4, 2, 3 from watchpost.camera where name = 'gate'`,
    );
    const gate = 'site="default",camera="gate"';
    expect(await value(`watchpost_camera_watched{${gate}}`)).toBe(1);
    expect(await value(`watchpost_camera_frames{${gate},outcome="read"}`)).toBe(13);
    expect(await value(`watchpost_camera_frames{${gate},outcome="submitted"}`)).toBe(6);
    expect(await value(`watchpost_camera_frames{${gate},outcome="known"}`)).toBe(4);
    expect(await value(`watchpost_camera_frames{${gate},outcome="dropped"}`)).toBe(2);
    expect(await value(`watchpost_camera_reconnects{${gate}}`)).toBe(3);

    await database.rows(
      `select watchpost.add_bridge('kafka', 'kafka', 'out', 'kafka://kafka.example', 'events', '{image.received}', from_beginning => true)`,
    );
    await database.rows(
      `update watchpost.bridge_state
       set holder = gen_random_uuid(), held_until = now() + interval '1 hour', connected_at = now(), published = 5, received = 4, refused = 3`,
    );
    expect(await value('watchpost_bridge_connected{bridge="kafka"}')).toBe(1);
    for (const [outcome, n] of [
      ['published', 5],
      ['received', 4],
      ['refused', 3],
    ] as const)
      expect(await value(`watchpost_bridge_messages{bridge="kafka",outcome="${outcome}"}`)).toBe(n);
    expect(await value('watchpost_bridge_waiting_events{bridge="kafka"}')).toBeGreaterThan(0);
    expect(await value('watchpost_bridge_lag_seconds{bridge="kafka"}')).toBeGreaterThan(0);

    const before = await read();
    expect(before.get('watchpost_workers{state="alive"}')).toBe(1);
    expect([...before.keys()].some((name) => name.startsWith('watchpost_heartbeat_age_seconds{'))).toBe(true);
    // The embedded database has one session for all, which would wait for the end of this transaction.
    if (database.kind === 'server') {
      const client = await database.pool.connect();
      await client.query('begin isolation level repeatable read; select from pg_class limit 1');
      const during = await read();
      expect(during.get('watchpost_pool_connections{pool="queries",state="busy"}')).toBeGreaterThanOrEqual(1);
      expect(during.get('watchpost_oldest_snapshot_seconds')).toBeGreaterThan(0);
      await client.query('rollback');
      client.release();
    }

    await database.rows(
      `insert into watchpost.alarm (kind, subject, since) values ('backlog.old', 'detect', now());
       insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms)
       values (watchpost.uuidv7(), 'match', 'done', 1, now(), 1)`,
    );
    const wrong = await read();
    expect(wrong.get('watchpost_alarms{kind="backlog.old"}')).toBe(1);
    expect(wrong.get('watchpost_invariant_violations')).toBe(1);
  });

  it('measures the calls of the API by their route, not by their address', async () => {
    await api.call('GET', '/v1/cameras');
    await api.call('GET', '/v1/images/00000000-0000-7000-8000-000000000000');
    await api.call('GET', '/v1/nothing-here');
    const series = await read();
    const count = (route: string, status: number) =>
      series.get(
        `watchpost_http_request_duration_seconds_count{method="GET",route="${route}",status="${status}"}`,
      );
    expect(count('/v1/cameras', 200)).toBe(1);
    expect(count('/v1/images/:id', 404)).toBe(1);
    expect(count('none', 404)).toBe(1);
  });

  it('is answered while the database is away, without what is read there', async () => {
    const query = database.pool.query;
    const away = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const connect = database.pool.connect;
    database.pool.connect = (() => Promise.reject(away)) as typeof connect;
    database.pool.query = (() => Promise.reject(away)) as typeof query;
    try {
      database.outage.noticed(away);
      await expect
        .poll(async () => {
          database.outage.noticed(away);
          return (await metrics.render()).text;
        })
        .toMatch(/^watchpost_database_away 1$/m);
      const { text } = await metrics.render();
      expect(text).toMatch(/^watchpost_database_readable 0$/m);
      expect(text).not.toMatch(/^watchpost_waiting_events\{/m);
      moved.add('watchpost_database_away').add('watchpost_database_readable');
    } finally {
      database.pool.connect = connect;
      database.pool.query = query;
      database.outage.over();
    }
    expect(await value('watchpost_database_away')).toBe(0);
    expect(await value('watchpost_waiting_events{task="detect"}')).toBe(0);
  });

  it('has nothing in its catalogue that has not moved in these tests', () => {
    const names = new Set(
      [...moved].map((name) => name.replace(/\{.*/, '').replace(/_(bucket|sum|count)$/, '')),
    );
    const still = catalogue()
      .map(({ name }) => name)
      .filter((name) => !names.has(name));
    expect(still).toEqual(database.kind === 'server' ? [] : ['watchpost_oldest_snapshot_seconds']);
  });

  it('is for callers on this machine, unless it is open: not for others, and not through a proxy', async () => {
    const through = await api.call('GET', '/metrics', undefined, { 'x-forwarded-for': '203.0.113.9' });
    expectProblem(through, 'metrics_local');
    const process = { id: '00000000-0000-7000-8000-000000000000', nudge: () => {} };
    const open = await listen(database, await realVision(), process, { metrics: 'open' }, undefined, {
      metrics,
    });
    expect((await open.call('GET', '/metrics', undefined, { 'x-forwarded-for': '203.0.113.9' })).status).toBe(
      200,
    );
    const off = await listen(database, await realVision(), process);
    const answer = await off.call('GET', '/metrics');
    expect(expectProblem(answer, 'route_unknown').hint).toContain('WATCHPOST_METRICS=loopback');
  });
});

const program = promtool();

describe('the rules and the dashboard', () => {
  it('name only what the catalogue has', () => {
    const known = new Set(catalogue().flatMap(({ series }) => series));
    for (const [file, names] of namesIn()) {
      expect(names.length, file).toBeGreaterThan(5);
      expect(
        names.filter((name) => !known.has(name)),
        file,
      ).toEqual([]);
    }
  });

  it.skipIf(!program)(
    `pass promtool, and each rule begins and ends with what it is about ${program ? '' : '(needs promtool: .ci/programs fetches it)'}`,
    () => {
      const checked = program?.('check', 'rules', rulesFile('rules.yml'));
      expect(checked).toMatchObject({ status: 0, stdout: expect.stringContaining('SUCCESS') });
      const tested = program?.('test', 'rules', rulesFile('rules.test.yml'));
      expect(tested?.stderr ?? '').toBe('');
      expect(tested).toMatchObject({ status: 0 });
    },
  );
});

describe('docs/metrics.md', () => {
  it('is the catalogue', async () => {
    const rows = catalogue().map(
      ({ name, type, labels, by, help }) =>
        `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${by} | ${help} |`,
    );
    const document = `# Metrics

What \`GET /metrics\` answers; [monitoring.md](monitoring.md#metrics) says how to switch it on. A histogram has the series
\`_bucket\`, \`_sum\` and \`_count\`. Beside these there are the [default metrics](https://github.com/siimon/prom-client#default-metrics)
of prom-client: \`process_*\` (CPU, memory, file descriptors) and \`nodejs_*\` (event loop, heap, garbage collection). This file is
generated: \`npm test -- test/monitoring/metrics.test.ts -u\`.

| metric | type | labels | answered by | what |
|---|---|---|---|---|
${rows.join('\n')}
`;
    await expect(document).toMatchFileSnapshot('../../docs/metrics.md');
  });
});
