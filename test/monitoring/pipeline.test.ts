import { beforeAll, describe, expect, it } from 'vitest';
import { type Pipeline, readPipeline } from '../../src/monitoring/pipeline.ts';
import { watchpost } from '../commands/support.ts';
import { type Api, bearer, expectProblem, keyWith, serve } from '../http/support.ts';
import type { TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { submit, untilFinal, untilIdle } from '../support/pipeline.ts';

describe('the pipeline at one glance', () => {
  let database: TestDatabase;
  let api: Api;
  let workerId: string;

  beforeAll(async () => {
    const served = await serve();
    ({ database, api } = served);
    workerId = served.worker.id;
  });

  const taskOf = async (task: string) =>
    (await readPipeline(database.db)).tasks.find((one) => one.task === task) as Pipeline['tasks'][number];

  it('counts what waits for a paused task, and how long, and what was done once it is resumed', async () => {
    const idle = await taskOf('detect');
    expect(idle).toMatchObject({
      waiting: 0,
      running: 0,
      oldest_seconds: null,
      p50_ms: null,
      paused_at: null,
    });
    await database.rows(`select watchpost.pause('detect')`);
    const photos = [await submit(database, sample(1)), await submit(database, sample(2))];
    const held = await taskOf('detect');
    expect(held).toMatchObject({ waiting: 2, done_last_minute: 0, paused_at: expect.any(Date) });
    const later = await taskOf('detect');
    expect(later.oldest_seconds).toBeGreaterThan(held.oldest_seconds as number);

    await database.rows(`select watchpost.resume('detect')`);
    for (const photo of photos) await untilFinal(database, photo);
    await untilIdle(database);
    const done = await taskOf('detect');
    expect(done).toMatchObject({ waiting: 0, running: 0, oldest_seconds: null, done_last_minute: 2 });
    expect(done.rate_1m).toBeCloseTo(2 / 60, 6);
    expect(done.rate_10m).toBeCloseTo(2 / 600, 6);
    expect(done.p95_ms).toBeGreaterThanOrEqual(done.p50_ms as number);
    expect((await taskOf('embed')).done_last_minute).toBe(6);
  });

  it('counts what was handled by an old transaction, and nothing from before', async () => {
    const [{ xid }] = await database.rows(`select watchpost.first_xid_since(now()) as xid`);
    expect(xid).toBe('0');
    // An event from before, and its handling, which was written just now: that is what a backlog leads to.
    await database.rows(
      `with old as (
         insert into watchpost.event (id, topic, subject_id)
         values (watchpost.uuidv7_at(now() - interval '2 hours'), 'nothing.much', gen_random_uuid())
         returning id
       )
       insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms)
       select o.id, 'heads', 'done', 1, now(), 5 from old as o`,
    );
    expect(await taskOf('heads')).toMatchObject({ done_last_minute: 1, p50_ms: 5 });
    await database.rows(
      `insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms, created_at)
       select e.id, 'describe', 'done', 1, now(), 5, now() - interval '11 minutes'
       from watchpost.event as e where e.topic = 'nothing.much'`,
    );
    expect(await taskOf('describe')).toMatchObject({ done_last_minute: 0, rate_10m: 0, p50_ms: null });
  });

  it('tells retries from dead letters', async () => {
    await database.rows(`select watchpost.pause('detect')`);
    await submit(database, sample(4));
    await submit(database, sample(5));
    await database.rows(
      `with gone as (
         delete from watchpost.outbox where task = 'detect' returning event_id
       ),
       numbered as (select g.event_id, row_number() over (order by g.event_id) as n from gone as g)
       select
         watchpost.retry_later('detect', watchpost.items_of(array(select event_id from numbered where n = 1)), 1),
         watchpost.bury('detect', array(select event_id from numbered where n = 2), 5, null)`,
    );
    expect(await taskOf('detect')).toMatchObject({
      waiting: 0,
      retries: 1,
      dead_letters: 1,
      oldest_seconds: null,
    });
    const [letter] = await database.rows('select id from watchpost.dead_letter');
    await database.rows('select watchpost.replay($1)', [letter.id]);
    expect(await taskOf('detect')).toMatchObject({ waiting: 1, dead_letters: 0, oldest_seconds: null });
    await database.rows(`select watchpost.resume('detect')`);
    await untilIdle(database);
    expect(await taskOf('detect')).toMatchObject({ waiting: 0, retries: 0, dead_letters: 0 });
  });

  it('is answered by the API, to keys that see all sites', async () => {
    const reader = await keyWith(database, { scopes: ['read'] });
    const { status, body } = await api.call('GET', '/v1/pipeline', undefined, bearer(reader.key));
    expect(status).toBe(200);
    expect(body.tasks.map(({ task }: { task: string }) => task).slice(0, 5)).toEqual([
      'detect',
      'embed',
      'track',
      'match',
      'alert',
    ]);
    expect(body.workers).toEqual([expect.objectContaining({ id: workerId, state: 'alive', concurrency: 2 })]);
    expect(body.vacuum).toEqual([]);

    const [site] = await database.rows(`insert into watchpost.site (name) values ('north') returning id`);
    const bound = await keyWith(database, { scopes: ['administer'], sites: [site.id] });
    expectProblem(await api.call('GET', '/v1/pipeline', undefined, bearer(bound.key)), 'site_limited');
    const submitter = await keyWith(database, { scopes: ['submit'] });
    expectProblem(await api.call('GET', '/v1/pipeline', undefined, bearer(submitter.key)), 'scope_missing');
  });

  it('tells workers apart: alive, silent, lost; one that has stopped is not listed', async () => {
    await database.rows(
      `insert into watchpost.worker (host, pid, version, concurrency, last_seen, stopped_at, lost_at) values
         ('elsewhere', 1, '1', 1, clock_timestamp() - interval '16 seconds', null, null),
         ('elsewhere', 2, '1', 1, clock_timestamp() - interval '1 minute', null, clock_timestamp()),
         ('elsewhere', 3, '1', 1, clock_timestamp() - interval '1 day', null, clock_timestamp() - interval '1 day'),
         ('elsewhere', 4, '1', 1, clock_timestamp(), clock_timestamp(), null)`,
    );
    const { workers } = await readPipeline(database.db);
    // Those of one statement have begun at the same moment.
    expect(workers.map(({ pid, state }) => `${pid} ${state}`).toSorted()).toEqual(
      [`${process.pid} alive`, '1 silent', '2 lost'].toSorted(),
    );
  });

  it('is printed by the command: a table in a terminal, or JSON', async () => {
    const settings = { DATABASE_URL: database.url };
    const shown = await watchpost(['status'], settings, { columns: 140 });
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout).toMatch(/^task +per s +10 min +waiting +oldest +running/);
    expect(shown.stdout).toMatch(new RegExp(`:${process.pid} +alive`));
    expect(shown.stdout).toContain('Vacuum is not held back.');
    const { stdout } = await watchpost(['status', '--json'], settings);
    expect(JSON.parse(stdout)).toMatchObject({
      tasks: expect.any(Array),
      workers: expect.any(Array),
      vacuum: [],
    });
    expect((await watchpost(['status', '--watch', 'often'], settings)).code).not.toBe(0);
  });
});
