import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect as connectNats, headers as natsHeaders } from '@nats-io/transport-node';
import { Kafka, logLevel } from 'kafkajs';
import { connectAsync, type IClientPublishOptions } from 'mqtt';
import { describe, expect, it } from 'vitest';
import { atEnd } from '../support/at-end.ts';
import { programs, startKafkaDouble, startMosquitto, startNats } from '../support/brokers.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';
import {
  assertSchema,
  expected,
  firsts,
  imagesOf,
  prepare,
  runBridge,
  type Seen,
  submitSome,
  untilConnected,
  untilReceived,
} from './support.ts';

/** What the tests do with each broker. */
interface Counterpart {
  readonly url: string;
  /** kill -9, and started again; undefined: it keeps nothing. */
  readonly restart?: () => Promise<void>;
  /** Whether it acknowledges a message before it is on disk: what it has not handed on when it is killed is lost then. */
  readonly acknowledgesEarly?: boolean;
  /** Sends photos: each an id and its bytes; or JSON, as text. */
  send(messages: { id: string; body: Buffer | string }[]): Promise<void>;
  /** What a consumer has seen. */
  seen(): Promise<readonly Seen[]>;
}

const addBridges = (
  database: TestDatabase,
  kind: string,
  url: string,
  { to, from, mode }: Record<string, string>,
) =>
  database.rows(
    `select watchpost.add_bridge('events', $1, 'out', $2, $3, '{image.received}', $5),
            watchpost.add_bridge('photos', $1, 'in', $2, $4, camera => 'gate')`,
    [kind, url, to, from, mode],
  );

/** Events go out and photos come in while the broker is killed and the bridge is stopped. */
const goThrough = async (database: TestDatabase, photo: Buffer, counterpart: Counterpart): Promise<void> => {
  const first = runBridge(database);
  await untilConnected(database, 'events', 'photos');
  const photos = Array.from({ length: 10 }, (_, n) => ({ id: `m${n}`, body: photo }));
  await submitSome(database, 20);
  await counterpart.send([...photos, { id: 'bad', body: '{"image": "?"}' }]);
  const some = counterpart.acknowledgesEarly ? 20 : 1;
  await until(async () => (await counterpart.seen()).length >= some, 20);
  if (counterpart.acknowledgesEarly) await untilReceived(database, 'photos', 11, 1);
  await counterpart.restart?.();
  await submitSome(database, 20);
  if (counterpart.restart) {
    await first.stop();
    runBridge(database);
  } else {
    // The double's consumer group never takes a member again once the last one has left; so only what goes out is stopped.
    await database.rows(`select watchpost.disable_bridge(watchpost.find_bridge('events'))`);
    await until(
      async () => (await database.rows(`select from watchpost.bridge_state where holder is null`))[0],
      20,
    );
    await submitSome(database, 20);
    await database.rows(`select watchpost.enable_bridge(watchpost.find_bridge('events'))`);
  }
  await untilConnected(database, 'events', 'photos');
  await submitSome(database, 20);
  // m9 once more, as a sender does that saw no confirmation.
  await counterpart.send([
    ...photos.slice(9),
    { id: 'json', body: JSON.stringify({ image: photo.toString('base64'), camera: 'yard' }) },
  ]);

  await untilReceived(database, 'photos', 12, 1);
  const all = await expected(database);
  const count = Object.values(all).flat().length;
  await until(async () => new Set((await counterpart.seen()).map(({ id }) => id)).size >= count, 50);
  expect(firsts(await counterpart.seen())).toEqual(all);
  const images = await imagesOf(database, 'photos');
  expect(images).toHaveLength(11);
  expect(images.filter(({ camera }) => camera === 'yard')).toHaveLength(1);
  expect(images.every(({ bytes }) => bytes.equals(photo))).toBe(true);
};

const readStructured = (body: Uint8Array): Seen => {
  const event = JSON.parse(Buffer.from(body).toString());
  assertSchema(event);
  expect(event).toMatchObject({
    specversion: '1.0',
    type: 'watchpost.image.received.v1',
    data: { image_id: expect.any(String) },
  });
  return event;
};

it.skipIf(!programs.mosquitto)('MQTT: events and photos go through Mosquitto (needs mosquitto)', async () => {
  const database = await freshDatabase();
  const photo = await prepare(database);
  const { url, ...broker } = await startMosquitto();
  const seen: Seen[] = [];
  const client = await connectAsync(url, {
    protocolVersion: 5,
    clean: false,
    clientId: 'consumer',
    reconnectPeriod: 50,
    properties: { sessionExpiryInterval: 600 },
  });
  atEnd(() => client.endAsync(true));
  client.on('error', () => {});
  client.on('message', (topic, _, { properties }) => {
    const { id = '', camera = '' } = (properties?.userProperties ?? {}) as Record<string, string>;
    expect(topic).toBe(`watchpost/${camera}/image.received`);
    seen.push({ id, camera });
  });
  await client.subscribeAsync('watchpost/#', { qos: 1 });
  await addBridges(database, 'mqtt', url, {
    to: 'watchpost/{camera}/{topic}',
    from: 'photos/+',
    mode: 'binary',
  });
  await goThrough(database, photo, {
    url,
    acknowledgesEarly: true,
    async restart() {
      await broker.crash();
      await broker.start();
    },
    async send(messages) {
      for (const { id, body } of messages) {
        const options: IClientPublishOptions = { qos: 1, properties: { userProperties: { id } } };
        await client.publishAsync('photos/1', body, options);
      }
    },
    seen: async () => seen,
  });
  // Without --camera what + stands for is the camera of a message that names none.
  await database.rows(`select watchpost.add_bridge('snapshots', 'mqtt', 'in', $1, 'cameras/+/snapshot')`, [
    url,
  ]);
  await untilConnected(database, 'snapshots');
  const named = JSON.stringify({ image: photo.toString('base64'), camera: 'gate' });
  await client.publishAsync('cameras/yard/snapshot', photo, { qos: 1 });
  await client.publishAsync('cameras/yard/snapshot', named, { qos: 1 });
  await untilReceived(database, 'snapshots', 2, 0);
  const images = await imagesOf(database, 'snapshots');
  expect(images.map(({ camera }) => camera).toSorted()).toEqual(['gate', 'yard']);
});

it.skipIf(!programs.nats)('NATS: events and photos go through JetStream (needs nats-server)', async () => {
  const database = await freshDatabase();
  const photo = await prepare(database);
  const broker = await startNats();
  const url = `nats://127.0.0.1:${broker.port}`;
  const connection = await connectNats({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  atEnd(() => connection.close());
  const js = jetstream(connection);
  const manager = await jetstreamManager(connection);
  await addBridges(database, 'nats', url, { to: 'watchpost.{topic}', from: 'photos', mode: 'structured' });
  /** All that is in the stream, in its order. A consumer that keeps a position gets again later what it had not acknowledged. */
  const read = async (): Promise<Seen[]> => {
    const consumer = await js.consumers.get(await manager.streams.find('watchpost.>'));
    const seen: Seen[] = [];
    if ((await consumer.info()).num_pending === 0) return seen;
    for await (const message of await consumer.consume()) {
      expect(message.subject).toBe('watchpost.image.received');
      seen.push(readStructured(message.data));
      if (message.info.pending === 0) break;
    }
    return seen;
  };
  await goThrough(database, photo, {
    url,
    async restart() {
      await broker.crash();
      await broker.start();
    },
    async send(messages) {
      for (const { id, body } of messages) {
        const headers = natsHeaders();
        headers.set('X-Source', 'test');
        // JetStream would leave out the message that is sent twice by its own id: that of the event is another.
        headers.set('ce-id', id);
        headers.set('ce-specversion', '1.0');
        // Again until it is confirmed, as a sender does while the broker is restarted.
        await until(() =>
          js.publish('photos', body, { headers, timeout: 1000 }).then(
            () => true,
            () => false,
          ),
        );
      }
    },
    // Nothing is read while the broker is away, or before the bridge has made the stream.
    seen: () => read().catch(() => []),
  });
});

describe.skipIf(!programs.kcat)("Kafka, as librdkafka's double of a cluster speaks it (needs kcat)", () => {
  it('events and photos go through it', async () => {
    const database = await freshDatabase();
    const photo = await prepare(database);
    const address = await startKafkaDouble();
    const kafka = new Kafka({ clientId: 'test', brokers: [address], logLevel: logLevel.NOTHING });
    const producer = kafka.producer();
    const consumer = kafka.consumer({ groupId: 'test' });
    await Promise.all([producer.connect(), consumer.connect()]);
    atEnd(() => Promise.all([producer.disconnect(), consumer.disconnect()]));
    await addBridges(database, 'kafka', `kafka://${address}`, {
      to: 'watchpost',
      from: 'photos',
      mode: 'structured',
    });
    const seen: Seen[] = [];
    const partitions = new Map<string, Set<number>>();
    await consumer.subscribe({ topics: ['watchpost'], fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message, partition }) => {
        const event = readStructured(message.value as Buffer);
        seen.push(event);
        partitions.set(event.camera, (partitions.get(event.camera) ?? new Set()).add(partition));
      },
    });
    await goThrough(database, photo, {
      url: address,
      async send(messages) {
        for (const { id, body } of messages)
          await producer.send({ topic: 'photos', messages: [{ value: body, headers: { id } }] });
      },
      seen: async () => seen,
    });
    // The camera is the key, so that its events are in one partition.
    expect([...partitions.values()].map(({ size }) => size)).toEqual([1, 1]);
  });
});
