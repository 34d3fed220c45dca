import { randomUUID } from 'node:crypto';
import mqtt, { type MqttClient } from 'mqtt';
import { beforeAll, describe, expect, it } from 'vitest';
import { openLog } from '../../src/log.ts';
import { startWatching } from '../../src/streams/index.ts';
import { watchpost } from '../commands/support.ts';
import { atEnd } from '../support/at-end.ts';
import { programs, startMosquitto } from '../support/brokers.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, realVision, runWorker } from '../support/pipeline.ts';
import { until } from '../support/until.ts';
import { loopback, serve } from '../support/video.ts';

/** As Frigate writes it, of what is read and a little more. */
const eventOf = (id: string, camera: string, label = 'person') => {
  const at = Date.now() / 1000 - 5;
  const state = { id, camera, label, frame_time: at, start_time: at, sub_label: null, has_snapshot: true };
  return JSON.stringify({ type: 'update', before: state, after: { ...state, snapshot: { frame_time: at } } });
};

describe.skipIf(!programs.mosquitto)('Frigate (needs mosquitto)', () => {
  let database: TestDatabase;
  let broker: Awaited<ReturnType<typeof startMosquitto>>;
  let client: MqttClient;

  beforeAll(async () => {
    database = await freshDatabase();
    broker = await startMosquitto(['guard', 'secret']);
    const settings = { username: 'guard', password: 'secret', reconnectPeriod: 50 };
    client = await mqtt.connectAsync(broker.url, settings);
    atEnd(() => client.endAsync(true));
  });

  const publish = async (topic: string, payload: string | Buffer, retain = false) =>
    client.publishAsync(topic, payload, { qos: 1, retain });
  const images = (camera: string) =>
    database.rows(
      `select i.idempotency_key as key, i.captured_at, i.sha256 from watchpost.image as i join watchpost.camera as c on c.id = i.camera_id
       where c.name = $1 order by i.id`,
      [camera],
    );
  const watching = async (camera: string) =>
    until(async () => {
      const rows = await database.rows(
        `select from watchpost.camera_watch as w join watchpost.camera as c on c.id = w.camera_id
         where c.name = $1 and w.watcher is not null and w.problem is null`,
        [camera],
      );
      return rows.length > 0;
    });

  it('gives snapshots of people with the ids of their events, and is told who they are', async () => {
    await runWorker(database, await realVision());
    await enrolAda(database);
    const told: { path: string; body: unknown }[] = [];
    const frigate = await serve(async (request, response) => {
      let body = '';
      for await (const piece of request) body += piece;
      told.push({ path: request.url ?? '', body: JSON.parse(body) });
      response.end('{"success":true}');
    });
    await publish('frigate/front/person/snapshot', sample(2), true);
    const source = broker.url.replace('mqtt://', 'mqtt://guard:secret@');
    await database.rows('insert into watchpost.camera (name, location, source) values ($1, $1, $2)', [
      'front',
      `${source}/frigate?api=${frigate.url}`,
    ]);
    const cameras = startWatching({
      watcher: randomUUID(),
      database,
      outgoing: loopback,
      log: openLog('silent'),
    });
    atEnd(() => cameras.stop());
    await watching('front');
    // What nobody has subscribed to yet is gone: one is published again until it was taken.
    await until(async () => {
      await publish('frigate/front/person/snapshot', sample(6));
      return (await images('front')).length > 0;
    }, 200);
    const before = Date.now();
    await publish('frigate/events', eventOf('1700000000.1-abc', 'front'));
    await publish('frigate/events', eventOf('1700000000.2-car', 'front', 'car'));
    await publish('frigate/back/person/snapshot', sample(4));
    await publish('frigate/front/person/snapshot', sample(1));
    await until(async () => (await images('front')).length > 1);
    const [first, image, ...more] = await images('front');
    expect(first.key).toMatch(/ frigate front [0-9a-f]{32}$/);
    expect(more).toEqual([]);
    expect(image.key).toMatch(/ frigate 1700000000\.1-abc [0-9a-f]{32}$/);
    expect(before - image.captured_at.getTime()).toBeGreaterThan(2_000);
    await until(async () => told.length > 0);
    expect(told).toEqual([
      {
        path: '/api/events/1700000000.1-abc/sub_label',
        body: { subLabel: 'Ada', subLabelScore: expect.closeTo(0.7, 0) },
      },
    ]);
    // The broker is restarted: the watcher connects again.
    await broker.crash();
    await broker.start();
    await until(async () => {
      await publish('frigate/front/person/snapshot', sample(4));
      return (await images('front')).length > 2;
    }, 200);
    const rows = await database.rows('select source, problem from watchpost.camera, watchpost.camera_watch');
    expect(JSON.stringify(rows)).not.toContain('secret');
    await database.rows('update watchpost.camera set source = null');
    await cameras.stop();
  });

  it('says that the broker refuses the password', async () => {
    const source = broker.url.replace('mqtt://', 'mqtt://guard:wrong-one@');
    const cameras = startWatching({
      watcher: randomUUID(),
      database,
      outgoing: loopback,
      log: openLog('silent'),
    });
    atEnd(() => cameras.stop());
    await database.rows('insert into watchpost.camera (name, location, source) values ($1, $1, $2)', [
      'side',
      source,
    ]);
    await until(async () => {
      const [row] = await database.rows(
        `select problem from watchpost.camera_watch where problem = 'The broker refuses the user and password, or asks for them.'`,
      );
      return row;
    });
    await cameras.stop();
  });

  it('is watched for all cameras of a name that is known', async () => {
    await watchpost(['camera', 'add', 'yard', '--location', 'Yard'], { DATABASE_URL: database.url });
    const { Command } = await import('../commands/support.ts');
    const command = new Command(['watch', broker.url.replace('mqtt://', 'mqtt://guard:secret@')], {
      DATABASE_URL: database.url,
    });
    await until(async () => {
      await publish('frigate/nowhere/person/snapshot', sample(5));
      await publish('frigate/yard/person/snapshot', sample(5));
      return (await images('yard')).length > 0;
    }, 200);
    await command.says(/There is no camera 'nowhere'/);
    expect(await command.stop()).toBe(0);
    expect(command.stdout).toMatch(/^\d+ frames, \d+ submitted, \d+ known, \d+ dropped$/m);
  });
});
