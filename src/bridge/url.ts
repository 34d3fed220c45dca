import { WatchpostError } from '../errors.ts';
import { addressesOf, type Outgoing } from '../outgoing/index.ts';

/** A broker's URL in parts. */
export interface BrokerUrl {
  readonly isSecure: boolean;
  readonly servers: readonly [Server, ...Server[]];
  /** What follows the host, without the first slash. */
  readonly path: string;
}

interface Server {
  /** A name, or an address without brackets. */
  readonly host: string;
  readonly port: number;
}

const ports: Record<string, number> = {
  kafka: 9092,
  kafkas: 9093,
  amqp: 5672,
  amqps: 5671,
  nats: 4222,
  tls: 4222,
  mqtt: 1883,
  mqtts: 8883,
};

/**
 * Reads the URL of a broker, which URL does not, as several servers may be in it.
 *
 * @throws {WatchpostError} bridge_invalid.
 */
export const parseBrokerUrl = (text: string): BrokerUrl => {
  const [, scheme = '', hosts = '', path = ''] = /^([a-z]+):\/\/([^/]+)\/?(.*)$/i.exec(text) ?? [];
  const standard = ports[scheme.toLowerCase()];
  const [first, ...others] = hosts.split(',').map((one) => {
    const [, bracketed, name = '', port] = /^(?:\[([^\]]+)\]|([^:@[\]]+))(?::(\d{1,5}))?$/.exec(one) ?? [];
    return { host: bracketed ?? name, port: port === undefined ? (standard ?? 0) : Number(port) };
  });
  if (
    first === undefined ||
    [first, ...others].some(({ host, port }) => host === '' || !(port > 0 && port < 65_536))
  ) {
    throw new WatchpostError('bridge_invalid', 'The URL of the broker cannot be used.', {
      hint: 'Give one like kafka://host:9092, amqp://host:5672/vhost, nats://host:4222 or mqtt://host:1883.',
    });
  }
  return { isSecure: /^(kafkas|amqps|tls|mqtts)$/i.test(scheme), servers: [first, ...others], path };
};

/** A server that may be connected to: by this address, under this name. */
export interface Judged extends Server {
  readonly address: string;
}

/**
 * The servers of a URL, judged by the rules of src/outgoing.
 *
 * @throws {WatchpostError} url_invalid, address_refused. Errors of the resolver.
 */
export const judgedServers = async (url: BrokerUrl, outgoing: Outgoing): Promise<[Judged, ...Judged[]]> => {
  const [first, ...others] = await Promise.all(
    url.servers.map(async (server) => {
      const [address] = await addressesOf(server.host, url.isSecure, outgoing);
      return { ...server, address };
    }),
  );
  return [first as Judged, ...others];
};
