import { type Channel, type ChannelModel, type ConsumeMessage, connect, type Options } from 'amqplib';
import { certified } from '../../outgoing/index.ts';
import type { Connect, Handle, Link, Message, Outcome, Received, Target } from '../bridge.ts';
import { judgedServers, parseBrokerUrl } from '../url.ts';
import { connectionLoss } from './connection-loss.ts';
import { textHeaders } from './headers.ts';

/** Photos that the broker hands in before the first is acknowledged. */
const prefetch = 4;

/** How messages look on the wire, in which Celery differs. */
export interface Form {
  /** Where a message goes: the exchange, empty for the one that leads to queues by their names, and the routing key. */
  route(message: Message): { exchange: string; key: string };
  /** Its body, and what its properties have beside those of every message. */
  write(message: Message): { body: Buffer; properties: Options.Publish };
  read(message: ConsumeMessage): Received;
  /** What is sent to the sender that asks for the result; undefined: nothing. */
  reply?(
    message: ConsumeMessage,
    outcome: Outcome,
  ): { body: Buffer; properties: Options.Publish } | undefined;
}

const plain: Form = {
  route({ address }) {
    const [exchange = '', ...key] = address.split('/');
    return { exchange, key: key.join('/') };
  },
  write: ({ body, headers }) => ({ body, properties: { headers } }),
  read: (message) => received(message, message.content, message.properties.messageId),
};

/** @param id the one that its sender gave it. */
export const received = (message: ConsumeMessage, body: Buffer, id: unknown): Received => ({
  id: typeof id === 'string' && id !== '' ? id : undefined,
  place: `${message.fields.exchange}/${message.fields.routingKey}`,
  contentType: message.properties.contentType,
  headers: textHeaders(message.properties.headers),
  body,
});

/** Connects by AMQP 0-9-1, with publisher confirms and acknowledgements. */
export const connectAmqp =
  (form: Form): Connect =>
  async (target) => {
    const connection = await open(target);
    const { lost, lose } = connectionLoss();
    connection.on('error', lose).on('close', lose);
    const channel = await connection.createConfirmChannel();
    channel.on('error', lose).on('close', lose);
    // The broker confirms also what leads to no queue any more, but returns it first.
    channel.on('return', () => lose(new Error('a queue that messages are published to was deleted')));
    const routes = new Routes(connection);
    const link: Link = {
      lost,
      async publish(messages) {
        const confirmed: Promise<void>[] = [];
        for (const message of messages) {
          const { exchange, key } = form.route(message);
          // Before anything later is sent, which would overtake it.
          if (!routes.isKnown(exchange, key)) await routes.provide(exchange, key);
          confirmed.push(send(message, exchange, key));
        }
        await Promise.race([Promise.all(confirmed), lost]);
      },
      async consume(handle) {
        const queue = target.bridge.address;
        await routes.provideQueue(queue);
        await channel.prefetch(prefetch);
        await channel.consume(queue, (message) => {
          // The broker has ended it: the queue was deleted.
          if (message === null) lose(new Error(`the queue ${queue} was deleted`));
          else void take(channel, message, handle).catch(lose);
        });
      },
      async close() {
        await connection.close().catch(() => {});
      },
    };
    const take = async (channel: Channel, message: ConsumeMessage, handle: Handle): Promise<void> => {
      // What is too large is refused before it is parsed.
      const isLarge = message.content.length > target.maxBytes;
      const outcome = await handle(isLarge ? plain.read(message) : form.read(message));
      const reply = form.reply?.(message, outcome);
      if (reply) channel.publish('', message.properties.replyTo, reply.body, reply.properties);
      channel.ack(message);
    };
    const send = (message: Message, exchange: string, key: string): Promise<void> => {
      const { body, properties } = form.write(message);
      const sent = new Promise<void>((resolve, reject) => {
        const all = {
          persistent: true,
          mandatory: exchange === '',
          messageId: message.id,
          contentType: message.contentType,
          ...properties,
        };
        channel.publish(exchange, key, body, all, (error) => (error ? reject(error) : resolve()));
      });
      // It may fail while the next one is prepared; whoever waits for all of them finds out.
      sent.catch(() => {});
      return sent;
    };
    return link;
  };

export const connectRabbitmq = connectAmqp(plain);

const open = async ({ bridge, credentials, outgoing }: Target): Promise<ChannelModel> => {
  const url = parseBrokerUrl(bridge.url);
  const [{ host, address, port }] = await judgedServers(url, outgoing);
  return connect(
    {
      protocol: url.isSecure ? 'amqps' : 'amqp',
      hostname: address,
      port,
      username: credentials.username ?? 'guest',
      password: credentials.password ?? 'guest',
      vhost: decodeURIComponent(url.path) || '/',
      heartbeat: 10,
    },
    {
      ...certified(host),
      timeout: 10_000,
      clientProperties: { connection_name: `watchpost ${bridge.name}` },
    },
  );
};

/** The exchanges and queues that messages go to, which are made where they are missing. */
class Routes {
  readonly #connection: ChannelModel;
  readonly #known = new Set<string>();

  constructor(connection: ChannelModel) {
    this.#connection = connection;
  }

  isKnown(exchange: string, key: string): boolean {
    return this.#known.has(exchange || `queue ${key}`);
  }

  async provide(exchange: string, key: string): Promise<void> {
    if (exchange === '') await this.provideQueue(key);
    else {
      await this.#unlessThere(
        (channel) => channel.checkExchange(exchange),
        (channel) => channel.assertExchange(exchange, 'topic', { durable: true }),
      );
    }
    this.#known.add(exchange || `queue ${key}`);
  }

  async provideQueue(queue: string): Promise<void> {
    await this.#unlessThere(
      (channel) => channel.checkQueue(queue),
      (channel) => channel.assertQueue(queue, { durable: true }),
    );
  }

  /** What is there may have arguments of its own, with which another declaration would be refused; a check closes its channel. */
  async #unlessThere(
    check: (channel: Channel) => PromiseLike<unknown>,
    make: (channel: Channel) => PromiseLike<unknown>,
  ): Promise<void> {
    const channel = await this.#connection.createChannel();
    channel.on('error', () => {});
    try {
      await check(channel);
      await channel.close();
    } catch (error) {
      if ((error as { code?: unknown }).code !== 404) throw error;
      const another = await this.#connection.createChannel();
      another.on('error', () => {});
      await make(another);
      await another.close();
    }
  }
}
