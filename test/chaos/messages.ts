import { type ChannelModel, type ConfirmChannel, connect } from 'amqplib';
import type { Album } from './photos.ts';
import type { Random } from './random.ts';

/** A photo that was sent to the broker. */
export interface SentMessage {
  /** Its message id: the same for every attempt. */
  readonly key: string;
  readonly sha256: string;
  readonly faces: number | null;
  /** Whether it can become an image at all. */
  readonly photo: boolean;
  /** When its first attempt began, in ms since 1970. */
  readonly at: number;
  /** Whether the broker has confirmed it: persistent, in a durable queue. */
  confirmed: boolean;
}

/** An event as it came out of the broker. */
export interface Delivered {
  readonly id: string;
  /** When it was written to the record, in ms since 1970. */
  readonly at: number;
}

/** The queues of a run: photos for Watchpost, and its events. */
export const photoQueue = 'photos';
export const eventQueue = 'events';
export const eventExchange = 'watchpost';

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * The other programs at a broker: one that sends photos, each again until the broker has confirmed it, and one that writes down
 * every event that it gets. Both connect again when the broker was away.
 */
export class Others {
  readonly sent: SentMessage[] = [];
  /** In the order in which they came, with those that came again. */
  readonly delivered: Delivered[] = [];
  readonly #port: number;
  readonly #ends: Promise<void>[];
  readonly #waiting: SentMessage[] = [];
  readonly #bytes = new Map<string, Buffer>();
  #ending = false;

  constructor(port: number) {
    this.#port = port;
    this.#ends = [
      this.#connected((channel) => this.#send(channel)),
      this.#connected((channel) => this.#read(channel)),
    ];
  }

  /** Makes the queues, before anybody uses them. */
  async prepare(): Promise<void> {
    await this.#once(async (channel) => {
      await channel.assertExchange(eventExchange, 'topic', { durable: true });
      for (const queue of [photoQueue, eventQueue]) await channel.assertQueue(queue, { durable: true });
      await channel.bindQueue(eventQueue, eventExchange, '#');
    });
  }

  /** Sends a photo, as soon as the broker takes it. */
  send(album: Album, random: Random): void {
    const key = `message-${this.sent.length}`;
    const { bytes, sha256, faces, refusedAtOnce } = album.take(random, key);
    const message = { key, sha256, faces, photo: !refusedAtOnce, at: Date.now(), confirmed: false };
    this.#bytes.set(key, bytes);
    this.sent.push(message);
    this.#waiting.push(message);
  }

  /** Whether everything that was sent is confirmed. */
  get isConfirmed(): boolean {
    return this.sent.every(({ confirmed }) => confirmed);
  }

  /** Messages that wait in a queue, without those that somebody has and has not acknowledged. */
  async waiting(queue: string): Promise<number> {
    return this.#once(async (channel) => (await channel.checkQueue(queue)).messageCount);
  }

  async end(): Promise<void> {
    this.#ending = true;
    await Promise.all(this.#ends);
  }

  async #send(channel: ConfirmChannel): Promise<void> {
    while (!this.#ending) {
      const [message] = this.#waiting;
      if (!message) {
        await sleep(50);
        continue;
      }
      const bytes = this.#bytes.get(message.key) as Buffer;
      await new Promise<void>((resolve, reject) => {
        const properties = { persistent: true, messageId: message.key, contentType: 'image/jpeg' };
        channel.sendToQueue(photoQueue, bytes, properties, (error) => (error ? reject(error) : resolve()));
      });
      message.confirmed = true;
      this.#bytes.delete(message.key);
      this.#waiting.shift();
    }
  }

  /** Acknowledges each event when it is written down. */
  async #read(channel: ConfirmChannel): Promise<void> {
    await channel.prefetch(100);
    await channel.consume(eventQueue, (message) => {
      if (message === null) return;
      const { id, time } = JSON.parse(message.content.toString()) as { id: string; time: string };
      this.delivered.push({ id, at: Date.parse(time) });
      channel.ack(message);
    });
    while (!this.#ending) await sleep(100);
  }

  /** Does something over one connection, and over a new one when that has broken. */
  async #connected(does: (channel: ConfirmChannel) => Promise<void>): Promise<void> {
    while (!this.#ending) {
      const once = this.#once((channel, lost) => Promise.race([does(channel), lost]));
      await once.catch(() => sleep(100));
    }
  }

  async #once<T>(use: (channel: ConfirmChannel, lost: Promise<never>) => Promise<T>): Promise<T> {
    const connection: ChannelModel = await connect(`amqp://127.0.0.1:${this.#port}`);
    const lost = new Promise<never>((_, reject) => {
      connection.on('error', reject).on('close', () => reject(new Error('the connection was closed')));
    });
    lost.catch(() => {});
    try {
      const channel = await connection.createConfirmChannel();
      channel.on('error', () => {});
      return await use(channel, lost);
    } finally {
      await connection.close().catch(() => {});
    }
  }
}
