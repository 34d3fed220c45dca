import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { IClientOptions, MqttClient } from 'mqtt';
import { causeOf, certified, type Outgoing, reach } from '../outgoing/index.ts';
import { wordsOf } from './kinds/ask.ts';
import type { Receiver } from './kinds/kind.ts';
import { NotTaken } from './kinds/not-taken.ts';

/** Publishes with QoS 1: resolves when the broker has it. */
export type Publish = (
  topic: string,
  payload: string | Buffer,
  options?: { retain?: boolean },
) => Promise<void>;

type Broker = Pick<Receiver, 'url' | 'settings' | 'credential'>;

/**
 * Connects to a broker, at an address that the rules of src/outgoing allow.
 *
 * @param options.will what the broker publishes if this process is gone.
 * @throws {NotTaken} it refuses the connection.
 */
export const connectBroker = async (
  { url, settings, credential }: Broker,
  { outgoing, signal }: { outgoing: Outgoing; signal: AbortSignal },
  options: Pick<IClientOptions, 'will'> = {},
): Promise<MqttClient> => {
  const { address, host, port, isSecure } = await reach(url, outgoing, 'mqtt', signal);
  // Loaded when the first broker is called: most installations have none.
  const { MqttClient } = (await import('mqtt')).default;
  const client = new MqttClient(
    () => {
      const place = { host: address, port: port ?? (isSecure ? 8883 : 1883) };
      return isSecure ? connectTls({ ...place, ...certified(host) }) : connect(place);
    },
    {
      clientId: `watchpost-${randomUUID().slice(0, 13)}`,
      protocolVersion: 4,
      clean: true,
      // Each connection is to be to an address that was judged for it.
      reconnectPeriod: 0,
      connectTimeout: 10_000,
      keepalive: 15,
      ...(settings.user ? { username: settings.user } : {}),
      ...(settings.user && credential ? { password: credential } : {}),
      ...options,
    },
  );
  const abort = () => client.end(true);
  signal.addEventListener('abort', abort);
  try {
    await new Promise<void>((resolve, reject) => {
      client.once('connect', () => resolve());
      client.once('error', reject);
      client.once('close', () => reject(new Error('the connection was closed')));
    });
    return client;
  } catch (error) {
    client.end(true);
    const code = (error as { code?: unknown }).code;
    if (typeof code === 'number')
      throw new NotTaken(null, `It refused the connection.${wordsOf(causeWords(error))}`);
    throw new Error(causeOf(error), { cause: error });
  } finally {
    signal.removeEventListener('abort', abort);
    client.on('error', () => {});
  }
};

const causeWords = (error: unknown): string => (error instanceof Error ? error.message : '');

/** Publishes something by a connection of its own. */
export const withBroker = async (
  broker: Broker,
  sending: { outgoing: Outgoing; signal: AbortSignal },
  work: (publish: Publish) => Promise<void>,
): Promise<void> => {
  const client = await connectBroker(broker, sending);
  const abort = () => client.end(true);
  const aborted = new Promise<never>((_, reject) => {
    client.once('close', () => reject(new Error('the connection was closed')));
  });
  aborted.catch(() => {});
  sending.signal.addEventListener('abort', abort);
  try {
    const publish: Publish = async (topic, payload, { retain = false } = {}) => {
      await Promise.race([client.publishAsync(topic, payload, { qos: 1, retain }), aborted]);
    };
    await Promise.race([work(publish), aborted]);
    await Promise.race([client.endAsync(), aborted]).catch(() => {});
  } finally {
    sending.signal.removeEventListener('abort', abort);
    client.end(true);
  }
};
