import { connect, type IPublishPacket, type MqttClient } from 'mqtt';
import { certified } from '../../outgoing/index.ts';
import type { Connect, Handle, Link, Message, Target } from '../bridge.ts';
import { judgedServers, parseBrokerUrl } from '../url.ts';
import { connectionLoss } from './connection-loss.ts';
import { textHeaders } from './headers.ts';

/** Seconds for which a broker keeps what comes in while no bridge is connected: a week. */
const sessionSeconds = 7 * 86_400;

/** Photos that the broker hands in before the first is acknowledged. */
const receiveMaximum = 4;

/** Connects by MQTT 5; messages have QoS 1 in both directions. */
export const connectMqtt: Connect = async (target) => {
  const { lost, lose } = connectionLoss();
  const client = await open(target);
  // What the session has kept may arrive before anybody consumes it.
  const consumer = Promise.withResolvers<Handle>();
  client
    .on('error', lose)
    .on('close', () => lose(undefined))
    .on('disconnect', () => lose(undefined));
  client.handleMessage = (packet, done) => {
    void consumer.promise
      .then((handle) => handle(receivedOf(packet, target.bridge.address)))
      .then(
        () => done(),
        (error) => {
          lose(error);
          // Without an acknowledgement: it comes again in the next session.
          done(error);
        },
      );
  };
  await Promise.race([new Promise<void>((resolve) => client.once('connect', () => resolve())), lost]).catch(
    (error) => {
      client.end(true);
      throw error;
    },
  );
  const link: Link = {
    lost,
    async publish(messages) {
      await Promise.race([Promise.all(messages.map((message) => publish(client, message))), lost]);
    },
    async consume(handle) {
      consumer.resolve(handle);
      await Promise.race([client.subscribeAsync(target.bridge.address, { qos: 1 }), lost]);
    },
    async close() {
      await client.endAsync(true).catch(() => {});
    },
  };
  return link;
};

const open = async ({ bridge, credentials, outgoing, maxBytes }: Target): Promise<MqttClient> => {
  const url = parseBrokerUrl(bridge.url);
  const [{ host, address, port }] = await judgedServers(url, outgoing);
  const isIn = bridge.direction === 'in';
  return connect({
    protocol: url.isSecure ? 'mqtts' : 'mqtt',
    host: address,
    ...certified(host),
    port,
    protocolVersion: 5,
    // By it the broker knows the session again.
    clientId: `watchpost-${bridge.id}`,
    clean: !isIn,
    reconnectPeriod: 0,
    connectTimeout: 10_000,
    keepalive: 20,
    ...(credentials.username === undefined ? {} : { username: credentials.username }),
    ...(credentials.password === undefined ? {} : { password: credentials.password }),
    properties: {
      maximumPacketSize: maxBytes + 65_536,
      ...(isIn ? { sessionExpiryInterval: sessionSeconds, receiveMaximum } : {}),
    },
  });
};

const publish = async (
  client: MqttClient,
  { address, body, contentType, headers }: Message,
): Promise<void> => {
  await client.publishAsync(address, body, {
    qos: 1,
    properties: {
      contentType,
      ...(Object.keys(headers).length > 0 ? { userProperties: { ...headers } } : {}),
    },
  });
};

/**
 * The part of a topic that `+` stands for in the address: with one `+` the name of a camera.
 *
 * @returns undefined: there is no `+`, or several.
 */
const cameraIn = (topic: string, address: string): string | undefined => {
  const parts = address.split('/');
  const at = parts.indexOf('+');
  return at >= 0 && at === parts.lastIndexOf('+') ? topic.split('/')[at] : undefined;
};

const receivedOf = ({ topic, payload, properties }: IPublishPacket, address: string) => ({
  id: undefined,
  place: topic,
  camera: cameraIn(topic, address),
  contentType: properties?.contentType,
  headers: textHeaders(properties?.userProperties),
  body: Buffer.isBuffer(payload) ? payload : Buffer.from(payload),
});
