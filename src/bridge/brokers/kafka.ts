import { connect as connectSocket, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import {
  type Consumer,
  type ISocketFactory,
  Kafka,
  logLevel,
  type Producer,
  type SASLOptions,
} from 'kafkajs';
import { addressesOf, certified, type Outgoing, tlsProblemOf } from '../../outgoing/index.ts';
import type { Connect, Handle, Link, Message, Target } from '../bridge.ts';
import { parseBrokerUrl } from '../url.ts';
import { connectionLoss } from './connection-loss.ts';
import { textHeaders } from './headers.ts';

/** Milliseconds between heartbeats while a photo is handled. */
const heartbeatEvery = 3_000;

/**
 * Connects to Kafka. What is published is acknowledged by all replicas in sync, one request at a time, so that a repetition keeps
 * the order; the offset of what comes in is committed once it is handled.
 */
export const connectKafka: Connect = async (target) => {
  const { lost, lose } = connectionLoss();
  const kafka = open(target, lose);
  const { bridge } = target;
  let producer: Producer | undefined;
  let consumer: Consumer | undefined;
  if (bridge.direction === 'out') {
    producer = kafka.producer({ maxInFlightRequests: 1, allowAutoTopicCreation: true });
    await connected(producer, lost);
    producer.on('producer.disconnect', lose);
  } else {
    consumer = kafka.consumer({
      groupId: `watchpost-${bridge.id}`,
      allowAutoTopicCreation: true,
      sessionTimeout: 30_000,
      heartbeatInterval: heartbeatEvery,
      maxBytesPerPartition: target.maxBytes,
      retry: { ...retry, restartOnFailure: async () => false },
    });
    await connected(consumer, lost);
    consumer.on('consumer.crash', ({ payload }) => lose(payload.error));
  }
  const link: Link = {
    lost,
    async publish(messages) {
      await producer?.sendBatch({ acks: -1, topicMessages: byTopic(messages) });
    },
    async consume(handle) {
      await consumer?.subscribe({ topics: [bridge.address], fromBeginning: true });
      if (consumer) await run(consumer, handle, lose);
    },
    async close() {
      await producer?.disconnect().catch(() => {});
      await consumer?.disconnect().catch(() => {});
    },
  };
  return link;
};

/** Of the client within a call: a topic that is made at this moment has no leader yet. What lasts longer ends the connection. */
const retry = { initialRetryTime: 200, retries: 5, maxRetryTime: 5_000 };

/** Waits for the client, which tries again also where that is of no use, as with a certificate that is not trusted. */
const connected = async (client: Producer | Consumer, lost: Promise<never>): Promise<void> => {
  const connecting = client.connect();
  connecting.catch(() => {});
  await Promise.race([connecting, lost]).catch((error) => {
    void client.disconnect().catch(() => {});
    throw error;
  });
};

const open = ({ bridge, credentials, outgoing }: Target, lose: (error: unknown) => void): Kafka => {
  const { isSecure, servers } = parseBrokerUrl(bridge.url);
  const { username, password = '' } = credentials;
  const sasl: SASLOptions | undefined =
    username === undefined ? undefined : { mechanism: 'scram-sha-512', username, password };
  return new Kafka({
    clientId: `watchpost-${bridge.name.replace(/[^\w.-]/g, '_')}`,
    brokers: servers.map(({ host, port }) => `${host}:${port}`),
    ssl: isSecure,
    socketFactory: judgedSockets(outgoing, isSecure, lose),
    connectionTimeout: 5_000,
    requestTimeout: 15_000,
    retry,
    logLevel: logLevel.NOTHING,
    ...(sasl ? { sasl } : {}),
  });
};

/** Every connection, also to servers that the broker names itself, is judged by the rules of src/outgoing. */
const judgedSockets =
  (outgoing: Outgoing, isSecure: boolean, lose: (error: unknown) => void): ISocketFactory =>
  ({ host, port, onConnect }): Socket => {
    const lookup: LookupFunction = (_name, options, done) => {
      addressesOf(host, isSecure, outgoing).then(
        ([address]) => {
          const family = address.includes(':') ? 6 : 4;
          if (options.all) done(null, [{ address, family }]);
          else done(null, address, family);
        },
        (error) => done(error, ''),
      );
    };
    // Under a name that is no address, for which Node would not ask.
    const wanted = { host: 'judged.invalid', port, lookup, keepAlive: true };
    if (!isSecure) return connectSocket(wanted, onConnect);
    return connectTls({ ...wanted, ...certified(host) }, onConnect).once('error', (error) => {
      if (tlsProblemOf(error) !== undefined) lose(error);
    });
  };

const byTopic = (messages: readonly Message[]) =>
  [...Map.groupBy(messages, ({ address }) => address)].map(([topic, group]) => ({
    topic,
    messages: group.map(({ key, body, headers, contentType }) => ({
      key,
      value: body,
      headers: { 'content-type': contentType, ...headers },
    })),
  }));

const run = (consumer: Consumer, handle: Handle, lose: (error: unknown) => void): Promise<void> =>
  consumer.run({
    autoCommit: false,
    async eachMessage({ topic, partition, message, heartbeat }) {
      const beating = setInterval(() => void heartbeat().catch(() => {}), heartbeatEvery);
      try {
        const headers = textHeaders(message.headers);
        const place = `${topic}/${partition}/${message.offset}`;
        await handle({
          id: headers.id ?? place,
          place,
          contentType: headers['content-type'],
          headers,
          body: message.value ?? Buffer.alloc(0),
        });
        await consumer.commitOffsets([{ topic, partition, offset: String(BigInt(message.offset) + 1n) }]);
      } catch (error) {
        lose(error);
        throw error;
      } finally {
        clearInterval(beating);
      }
    },
  });
