import pg from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { watchpost } from '../commands/support.ts';
import { addEndpoint, openReceiver, type Receiver, verifies } from '../endpoints/support.ts';
import { type Api, serve } from '../http/support.ts';
import { needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { submit, untilIdle } from '../support/pipeline.ts';

describe('an alarm', () => {
  let database: TestDatabase;
  let api: Api;
  let told: Receiver;
  let secret: string;

  beforeAll(async () => {
    ({ database, api } = await serve());
    // The worker's own upkeep does not run while the test looks.
    await database.rows(
      `update watchpost.upkeep_task set every = '300 days', last_run = now() where task = 'alarms'`,
    );
    told = await openReceiver();
    ({ secret } = await addEndpoint(database, { name: 'operators', url: told.url, sends: 'alarms' }));
  });

  const look = async () => (await database.rows('select watchpost.raise_alarms() as result'))[0].result;
  const events = async (topic: string) =>
    (await database.rows('select payload from watchpost.event where topic = $1 order by id', [topic])).map(
      ({ payload }) => payload,
    );
  const open = async () =>
    (await api.call('GET', '/v1/pipeline')).body.alarms.map(
      ({ kind, subject }: { kind: string; subject: string }) => `${kind} ${subject}`,
    );

  it('of a camera that sends nothing begins after its time, once, and ends with its next photo; endpoints are told of both', async () => {
    const { body: camera } = await api.call('POST', '/v1/cameras', {
      name: 'gate',
      location: 'North gate',
      silent_after_seconds: 60,
    });
    expect(camera).toMatchObject({ silent_after_seconds: 60 });
    await submit(database, sample(1), 'gate');
    expect(await look()).toBe('0 alarms raised, 0 ended');

    await database.rows(
      `update watchpost.image set received_at = now() - interval '61 seconds' where camera_id = $1`,
      [camera.id],
    );
    expect(await look()).toBe('1 alarms raised, 0 ended');
    expect(await look()).toBe('0 alarms raised, 0 ended');
    expect(await open()).toEqual([`camera.silent ${camera.id}`]);
    const [listed] = (await api.call('GET', '/v1/cameras')).body.cameras;
    expect(Date.now() - Date.parse(listed.silent_since)).toBeGreaterThan(60_000);
    const [begun] = await told.has(1);
    expect(begun?.message).toMatchObject({
      type: 'camera.silent',
      data: { kind: 'camera.silent', camera: 'gate', camera_id: camera.id, silent_after_seconds: 60 },
    });
    expect(verifies(begun as never, secret)).toBe(true);

    await submit(database, sample(1), 'gate');
    expect(await look()).toBe('0 alarms raised, 1 ended');
    expect(await open()).toEqual([]);
    const [, over] = await told.has(2);
    expect(over?.message).toMatchObject({
      type: 'camera.back',
      data: { camera: 'gate', until: expect.any(String) },
    });
    expect((await api.call('GET', '/v1/cameras')).body.cameras[0].silent_since).toBeNull();
    expect(await events('camera.silent')).toHaveLength(1);
    expect(await events('camera.back')).toHaveLength(1);
    await untilIdle(database);
  });

  it('is never raised of a camera without a time, and set on the command line', async () => {
    const settings = { DATABASE_URL: database.url };
    const add = await watchpost(
      ['camera', 'add', 'quiet', '--location', 'Yard', '--silent-after', '1s'],
      settings,
    );
    expect(add.code).toBe(0);
    await database.rows(
      `update watchpost.camera set created_at = now() - interval '1 hour' where name = 'quiet'`,
    );
    expect(await look()).toBe('1 alarms raised, 0 ended');
    const listed = await watchpost(['camera', 'list', '--json'], settings);
    expect(JSON.parse(listed.stdout)).toContainEqual(
      expect.objectContaining({ name: 'quiet', silent_since: expect.any(String) }),
    );
    await watchpost(['camera', 'set', 'quiet', '--silent-after', 'never'], settings);
    expect(await look()).toBe('0 alarms raised, 1 ended');
    expect((await api.call('GET', '/v1/cameras')).body.cameras).toContainEqual(
      expect.objectContaining({ name: 'quiet', silent_after_seconds: null }),
    );
    const refused = await api.call(
      'PATCH',
      `/v1/cameras/${(await database.rows('select id from watchpost.camera limit 1'))[0].id}`,
      { silent_after_seconds: 0 },
    );
    expect(refused.status).toBe(400);
  });

  it('of a backlog begins when live events wait too long, not while their task is paused', async () => {
    await database.rows(`update watchpost.alarm_rule set after = '1 second' where kind = 'backlog.old'`);
    // A task that no worker runs.
    await database.rows(
      `insert into watchpost.subscription (topic, task, delivery) values ('old.news', 'elsewhere', 'claim')`,
    );
    await database.rows(
      `insert into watchpost.event (id, topic, subject_id, tasks)
       values (watchpost.uuidv7_at(now() - interval '1 minute'), 'old.news', gen_random_uuid(), '{elsewhere}')`,
    );
    await database.rows(`select watchpost.pause('elsewhere')`);
    expect(await look()).toBe('0 alarms raised, 0 ended');
    await database.rows(`select watchpost.resume('elsewhere')`);
    expect(await look()).toBe('1 alarms raised, 0 ended');
    expect(await open()).toEqual(['backlog.old elsewhere']);
    expect(await events('backlog.old')).toEqual([expect.objectContaining({ task: 'elsewhere', waiting: 1 })]);
    await database.rows(`delete from watchpost.outbox where task = 'elsewhere'`);
    expect(await look()).toBe('0 alarms raised, 1 ended');
    expect(await events('backlog.done')).toHaveLength(1);
  });

  it('of a worker that was lost ends when another is started; its event is not written twice', async () => {
    await database.rows(
      `insert into watchpost.worker (host, pid, version, concurrency, last_seen)
       values ('elsewhere', 7, '1', 2, clock_timestamp() + interval '1 hour')`,
    );
    // Its heartbeat stops, and it is taken for dead.
    await database.rows(
      `with lost as (
         update watchpost.worker set last_seen = clock_timestamp(), lost_at = clock_timestamp()
         where host = 'elsewhere' returning id
       )
       insert into watchpost.event (topic, subject_id) select 'worker.lost', l.id from lost as l`,
    );
    expect(await look()).toBe('1 alarms raised, 0 ended');
    expect(await events('worker.lost')).toHaveLength(1);
    await database.rows(
      `insert into watchpost.worker (host, pid, version, concurrency) values ('elsewhere', 8, '1', 2)`,
    );
    expect(await look()).toBe('0 alarms raised, 1 ended');
    expect(await events('worker.back')).toEqual([expect.objectContaining({ host: 'elsewhere', pid: 7 })]);
    await database.rows(`delete from watchpost.worker where host = 'elsewhere'`);
  });

  it.skipIf(!onServer)(
    `of what holds vacuum back names it, and what to do ${onServer ? '' : needsServer}`,
    async () => {
      await database.rows(`update watchpost.alarm_rule set after = '1 second' where kind = 'vacuum.held'`);
      const client = new pg.Client({ connectionString: database.url, application_name: 'nightly report' });
      await client.connect();
      await client.query(
        'begin isolation level repeatable read; select from pg_class limit 1; select pg_sleep(1)',
      );
      expect(await look()).toBe('1 alarms raised, 0 ended');
      expect(await events('vacuum.held')).toEqual([
        expect.objectContaining({
          found: expect.stringContaining('nightly report'),
          remedy: expect.stringContaining('pg_terminate_backend'),
        }),
      ]);
      await client.end();
      await expect.poll(look).toBe('0 alarms raised, 1 ended');
      expect(await events('vacuum.free')).toHaveLength(1);
    },
  );

  it('is looked for by the upkeep of workers', async () => {
    const rows = await database.rows(
      `update watchpost.upkeep_task set last_run = case when task <> 'alarms' then now() end returning task`,
    );
    expect(rows.map(({ task }) => task)).toContain('alarms');
    // Of two that ask at this moment, the worker may be the first.
    await expect
      .poll(
        async () =>
          (await database.rows(`select watchpost.upkeep()`)) &&
          (await database.rows(`select last_result from watchpost.upkeep_task where task = 'alarms'`))[0]
            .last_result,
      )
      .toBe('0 alarms raised, 0 ended');
  });
});
