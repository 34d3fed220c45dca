import {
  AckPolicy,
  DeliverPolicy,
  type JetStreamManager,
  type JsMsg,
  jetstream,
  jetstreamManager,
} from '@nats-io/jetstream';
import { connect, type NatsConnection, headers as newHeaders } from '@nats-io/transport-node';
import { certified } from '../../outgoing/index.ts';
import type { Bridge, Connect, Handle, Link, Message, Received, Target } from '../bridge.ts';
import { judgedServers, parseBrokerUrl } from '../url.ts';
import { connectionLoss } from './connection-loss.ts';

/** Milliseconds after which the broker delivers a message again that was not acknowledged, unless the bridge says that it works on it. */
const ackWait = 10_000;

/** Photos that the broker hands in before the first is acknowledged. */
const prefetch = 4;

/** Connects to JetStream: each message that is published is acknowledged by it, and each that comes in to it. */
export const connectNats: Connect = async (target) => {
  const { lost, lose } = connectionLoss();
  const connection = await open(target);
  void connection.closed().then(lose);
  const js = jetstream(connection);
  const streams = new Streams(await jetstreamManager(connection), target.bridge);
  const publish = async ({ address, id, contentType, headers, body }: Message): Promise<void> => {
    const written = newHeaders();
    written.set('Content-Type', contentType);
    for (const [name, value] of Object.entries(headers)) written.set(name, value);
    // By the id JetStream leaves out what was published before, within two minutes unless the stream says otherwise.
    await js.publish(address, body, { msgID: id, headers: written, timeout: 10_000 });
  };
  const link: Link = {
    lost,
    async publish(messages) {
      await streams.provide();
      await Promise.race([Promise.all(messages.map(publish)), lost]);
    },
    async consume(handle) {
      const stream = await streams.provide();
      const name = streams.name;
      await streams.provideConsumer(stream, name);
      const consumer = await js.consumers.get(stream, name);
      const messages = await consumer.consume({ max_messages: prefetch });
      void (async () => {
        for await (const message of messages) await take(message, handle);
      })().then(() => lose(new Error('the consumer has ended')), lose);
    },
    async close() {
      await connection.close().catch(() => {});
    },
  };
  return link;
};

const open = async ({ bridge, credentials, outgoing }: Target): Promise<NatsConnection> => {
  const url = parseBrokerUrl(bridge.url);
  const servers = await judgedServers(url, outgoing);
  const { username, password, token } = credentials;
  const options = {
    name: `watchpost ${bridge.name}`,
    // Servers that the broker names were not judged.
    ignoreClusterUpdates: true,
    reconnect: false,
    timeout: 10_000,
    pingInterval: 10_000,
    maxPingOut: 2,
    ...(username === undefined ? {} : { user: username, pass: password ?? '' }),
    ...(token === undefined ? {} : { token }),
  };
  let failure: unknown;
  // One after the other, as each has a name of its own that its certificate has to have. Without TLS at a server nothing is said to it.
  for (const { host, address, port } of servers) {
    // Its type leaves out what is handed on to Node.
    const tls = url.isSecure ? { tls: certified(host) as object } : {};
    try {
      return await connect({ ...options, servers: `${bracketed(address)}:${port}`, ...tls });
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
};

const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host);

const take = async (message: JsMsg, handle: Handle): Promise<void> => {
  const working = setInterval(() => message.working(), ackWait / 3);
  try {
    await handle(receivedOf(message));
    // With an answer: else one that is lost would not be noticed.
    await message.ackAck();
  } catch (error) {
    message.nak();
    throw error;
  } finally {
    clearInterval(working);
  }
};

const receivedOf = (message: JsMsg): Received => {
  const headers = Object.fromEntries(
    (message.headers?.keys() ?? []).map((name) => [name, message.headers?.get(name) ?? '']),
  );
  const { stream, streamSequence } = message.info;
  return {
    id: headers['Nats-Msg-Id'] ?? `${stream}/${streamSequence}`,
    place: `${message.subject} ${stream}/${streamSequence}`,
    contentType: headers['Content-Type'],
    headers,
    body: Buffer.from(message.data),
  };
};

/** The stream that has the subject of a bridge, and the consumer that reads it; both are made where they are missing. */
class Streams {
  readonly #manager: JetStreamManager;
  readonly #subject: string;
  /** A name of a stream or a consumer may have no dots and spaces. */
  readonly name: string;
  #stream: string | undefined;

  constructor(manager: JetStreamManager, { address, id }: Bridge) {
    this.#manager = manager;
    // All that the placeholders may become.
    this.#subject = address.replace(/\.[^.]*\{.*$/, '.>');
    this.name = `watchpost-${id}`;
  }

  async provide(): Promise<string> {
    this.#stream ??= await this.#manager.streams.find(this.#subject).catch(async () => {
      const { config } = await this.#manager.streams.add({ name: this.name, subjects: [this.#subject] });
      return config.name;
    });
    return this.#stream;
  }

  async provideConsumer(stream: string, name: string): Promise<void> {
    await this.#manager.consumers.info(stream, name).catch(() =>
      this.#manager.consumers.add(stream, {
        durable_name: name,
        ack_policy: AckPolicy.Explicit,
        deliver_policy: DeliverPolicy.All,
        filter_subject: this.#subject,
        // In nanoseconds.
        ack_wait: ackWait * 1_000_000,
      }),
    );
  }
}
