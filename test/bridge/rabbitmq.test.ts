import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { type ChannelModel, type ConsumeMessage, connect } from 'amqplib';
import { beforeAll, describe, expect, it } from 'vitest';
import { atEnd } from '../support/at-end.ts';
import { programs, startRabbitmq } from '../support/brokers.ts';
import { makeCertificate } from '../support/certificates.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { samplePath } from '../support/photos.ts';
import { startProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';
import {
  assertSchema,
  bridgeSettings,
  expected,
  firsts,
  goByTls,
  imagesOf,
  prepare,
  runBridge,
  type Seen,
  submitSome,
  untilConnected,
  untilReceived,
} from './support.ts';

describe.skipIf(!programs.rabbitmq)('RabbitMQ (needs rabbitmq-server)', () => {
  const certificate = makeCertificate('DNS:broker.example');
  let broker: Awaited<ReturnType<typeof startRabbitmq>>;
  let database: TestDatabase;
  let photo: Buffer;
  let url: string;

  const startBridge = () => startProcess(['bridge'], { DATABASE_URL: database.url, ...bridgeSettings });
  /** A client of the broker, for as long as it is needed. */
  const withClient = async <T>(use: (client: ChannelModel) => Promise<T>): Promise<T> => {
    const client = await connect(`amqp://127.0.0.1:${broker.port}`);
    client.on('error', () => {});
    return use(client).finally(() => client.close().catch(() => {}));
  };
  /** Takes all messages out of a queue. */
  const drain = (queue: string) =>
    withClient(async (client) => {
      const channel = await client.createChannel();
      const found: ConsumeMessage[] = [];
      for (
        let next = await channel.get(queue, { noAck: true });
        next;
        next = await channel.get(queue, { noAck: true })
      )
        found.push(next as unknown as ConsumeMessage);
      return found;
    });
  const send = (messages: { id?: string; type?: string; body: Buffer | string; headers?: object }[]) =>
    withClient(async (client) => {
      const channel = await client.createConfirmChannel();
      await channel.assertQueue('photos', { durable: true });
      for (const { id, type, body, headers } of messages)
        channel.sendToQueue('photos', Buffer.from(body), {
          persistent: true,
          ...(id ? { messageId: id } : {}),
          ...(type ? { contentType: type } : {}),
          ...(headers ? { headers } : {}),
        });
      await channel.waitForConfirms();
    });

  beforeAll(async () => {
    [broker, database] = await Promise.all([startRabbitmq(certificate), freshDatabase()]);
    photo = await prepare(database);
    url = `amqp://127.0.0.1:${broker.port}`;
    await database.rows(
      `select watchpost.add_bridge('events', 'rabbitmq', 'out', $1, 'watchpost/{topic}.{camera}', '{image.received}', 'binary'),
              watchpost.add_bridge('photos', 'rabbitmq', 'in', $1, 'photos', camera => 'gate')`,
      [url],
    );
    await withClient(async (client) => {
      const channel = await client.createChannel();
      await channel.assertExchange('watchpost', 'topic', { durable: true });
      await channel.assertQueue('events', { durable: true });
      await channel.bindQueue('events', 'watchpost', '#');
    });
  });

  it('loses no event, keeps their order within a camera and doubles no photo while bridge and broker are killed, and records what is no photo', async () => {
    let bridge = startBridge();
    atEnd(() => bridge.stop('SIGKILL'));
    await untilConnected(database, 'events', 'photos');
    await submitSome(database, 60);
    await until(
      async () =>
        (await database.rows(`select published from watchpost.bridge_status where published > 0`))[0],
      5,
    );
    await bridge.stop('SIGKILL');
    await submitSome(database, 60);
    bridge = startBridge();
    await until(
      async () => (await database.rows(`select from watchpost.bridge_status where published > 60`))[0],
      5,
    );
    const base64 = photo.toString('base64');
    const event = {
      specversion: '1.0',
      id: 'e1',
      source: '/cams/2',
      type: 'photo',
      camera: 'yard',
      time: '2026-11-20T10:00:00Z',
    };
    const messages = [
      ...Array.from({ length: 20 }, (_, n) => ({ id: `m${n}`, type: 'image/jpeg', body: photo })),
      { id: 'json', type: 'application/json', body: JSON.stringify({ image: base64, camera: 'yard' }) },
      {
        type: 'application/cloudevents+json',
        body: JSON.stringify({ ...event, data_base64: base64, datacontenttype: 'image/jpeg' }),
      },
      {
        type: 'image/jpeg',
        body: photo,
        headers: Object.fromEntries(
          Object.entries({ ...event, id: 'e2' }).map(([name, value]) => [`cloudEvents_${name}`, value]),
        ),
      },
      { id: 'bad', type: 'application/json', body: '{"image": "?"}' },
      { id: 'nothing', type: 'application/json', body: '{"text": "hello"}' },
      { id: 'no-photo', type: 'image/jpeg', body: 'hello' },
      { id: 'nowhere', type: 'application/json', body: JSON.stringify({ image: base64, camera: 'nowhere' }) },
      { id: 'empty', body: '' },
    ];
    await send(messages);
    await until(async () => (await imagesOf(database, 'photos')).length > 3, 5);
    await broker.crash();
    await submitSome(database, 60);
    await broker.start();
    // What a sender sends again because it saw no confirmation.
    await send(messages.slice(0, 23));
    await untilReceived(database, 'photos', 28, 5);
    await until(
      async () =>
        (await withClient(
          async (client) => (await (await client.createChannel()).checkQueue('photos')).messageCount,
        )) === 0,
      50,
    );
    await until(
      async () =>
        (
          await database.rows(
            `select from watchpost.bridge_status where name = 'events' and waiting = 0 and connected`,
          )
        )[0],
      50,
    );
    const published = await drain('events');
    const seen: Seen[] = published.map(({ properties: { headers } }) => ({
      id: headers?.cloudEvents_id,
      camera: headers?.cloudEvents_camera,
    }));
    expect(firsts(seen)).toEqual(await expected(database));
    const [{ fields, properties, content }] = published as [ConsumeMessage];
    expect(fields.routingKey).toBe(`image.received.${seen[0]!.camera}`);
    expect(properties).toMatchObject({
      contentType: 'application/json',
      deliveryMode: 2,
      messageId: seen[0]!.id,
    });
    expect(properties.headers).toMatchObject({
      cloudEvents_specversion: '1.0',
      cloudEvents_type: 'watchpost.image.received.v1',
      cloudEvents_source: expect.stringMatching(/^\/sites\/[0-9a-f-]{36}\/cameras\/[0-9a-f-]{36}$/),
    });
    expect(JSON.parse(content.toString())).toMatchObject({ image_id: expect.any(String) });

    const images = await imagesOf(database, 'photos');
    expect(images.map(({ idempotency_key }) => idempotency_key).sort()).toEqual(
      ['/cams/2 e1', '/cams/2 e2', 'json', ...Array.from({ length: 20 }, (_, n) => `m${n}`)].sort(),
    );
    expect(images.every(({ bytes }) => bytes.equals(photo))).toBe(true);
    expect(images.find(({ idempotency_key }) => idempotency_key === '/cams/2 e2')).toMatchObject({
      camera: 'yard',
      captured_at: new Date('2026-11-20T10:00:00Z'),
    });
    expect(images.find(({ idempotency_key }) => idempotency_key === 'm1')).toMatchObject({ camera: 'gate' });
    const refused = await database.rows(
      `select message_id, code from watchpost.bridge_refusal group by message_id, code order by message_id nulls first`,
    );
    expect(refused).toEqual([
      { message_id: 'bad', code: 'body_invalid' },
      { message_id: 'empty', code: 'body_empty' },
      { message_id: 'no-photo', code: 'image_format_unsupported' },
      { message_id: 'nothing', code: 'body_invalid' },
      { message_id: 'nowhere', code: 'camera_unknown' },
    ]);
  });

  it.skipIf(!programs.celery)(
    "a worker of Celery takes events as tasks, and its client submits photos (needs Debian's python3-celery)",
    async () => {
      await database.rows(
        `select watchpost.add_bridge('tasks', 'celery', 'out', $1, 'celery-events/tasks.on_event', '{image.received}', from_beginning => true),
                watchpost.add_bridge('celery photos', 'celery', 'in', $1, 'celery-photos')`,
        [url],
      );
      const bridge = runBridge(database);
      const settings = { env: { ...process.env, BROKER: `${url}//` }, cwd: new URL('.', import.meta.url) };
      const sent = promisify(execFile)(programs.celery!, ['tasks.py', samplePath(1)], settings);
      expect(JSON.parse((await sent).stdout)).toEqual([
        { image_id: expect.any(String) },
        { image_id: expect.any(String) },
        { error: expect.stringContaining('body_invalid') },
        { error: expect.stringContaining('The task is not watchpost.submit.') },
      ]);
      const images = await imagesOf(database, 'celery photos');
      expect(images.map(({ idempotency_key, camera }) => [idempotency_key, camera])).toEqual([
        ['t1', 'yard'],
        ['t2', null],
      ]);

      const worker = spawn(
        programs.celery!,
        [
          '-m',
          'celery',
          '-A',
          'tasks',
          'worker',
          '--pool=solo',
          '-Q',
          'celery-events',
          '--loglevel=warning',
          '--without-gossip',
          '--without-mingle',
          '--without-heartbeat',
        ],
        settings,
      );
      atEnd(() => worker.kill('SIGKILL'));
      let output = '';
      worker.stderr.on('data', (text) => {
        output += text;
      });
      const all = await expected(database);
      const events = await until(async () => {
        const found = [...output.matchAll(/^.*event (\{.*\})$/gm)].map(([, event]) => JSON.parse(event!));
        return new Set(found.map(({ id }) => id)).size >= Object.values(all).flat().length && found;
      }, 100);
      for (const event of events) assertSchema(event);
      expect(firsts(events.filter(({ camera }) => camera))).toEqual(all);
      await bridge.stop();
    },
  );

  it('is connected by TLS under the name that its certificate has, and in no other case', async () => {
    const secure = {
      kind: 'rabbitmq',
      scheme: 'amqps',
      port: broker.securePort,
      address: 'secure/{topic}',
    } as const;
    await goByTls(await freshDatabase(), [secure], certificate);
  });
});
