import { isIP } from 'node:net';
import { WatchpostError } from '../errors.ts';
import { isNamed, type Network, whyRefused } from './networks.ts';

/**
 * The ports of other protocols, whose servers could take an HTTP call for one of theirs: the ports that fetch refuses
 * (https://fetch.spec.whatwg.org/#port-blocking), and 0. sql/5-alerts/endpoints.sql has the same list.
 */
const refusedPorts = new Set([
  ...[0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103],
  ...[
    104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514,
  ],
  ...[515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723],
  ...[2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080],
]);

/** The host of a URL as a resolver takes it: without the brackets of an IPv6 address, and without a dot at its end. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');

/** Names that mean this machine whatever a resolver says (RFC 6761). */
const isLocalName = (host: string): boolean => host === 'localhost' || host.endsWith('.localhost');

/** What to do about an address that is refused. */
export const namingHint =
  'A network of your own is called if WATCHPOST_OUTGOING_ALLOW names it, like 10.0.0.0/8 or 127.0.0.1.';

/**
 * Reads a URL that is to be called, and refuses what can be known from its text: addresses in any notation (`URL` writes
 * 2130706433, 0x7f.1 and full-width digits as 127.0.0.1), names of this machine, ports, plain http. Whether the name
 * leads to an address that may be called is found out by `call`, each time.
 *
 * @throws {WatchpostError} url_invalid, address_refused.
 */
export const parseTarget = (text: string, networks: readonly Network[]): URL => {
  const url = parse(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw unusable('it does not begin with https://');
  if (url.port !== '' && refusedPorts.has(Number(url.port)))
    throw unusable(`port ${url.port} belongs to another protocol`);
  assertPlace(url, networks, url.protocol === 'https:');
  return url;
};

/** A server of another protocol than HTTP. */
export interface OtherTarget {
  /** A name or an address. */
  readonly host: string;
  /** As the URL has it; undefined: the usual one. */
  readonly port: number | undefined;
  /** Whether the scheme is the one with an s at its end: TLS from the first byte on. */
  readonly isSecure: boolean;
}

/**
 * The same for a server of another protocol, whose port may be any.
 *
 * @param scheme smtp or mqtt; with an s at its end it is TLS from the first byte on.
 * @param mayBePlain whether the protocol encrypts by itself before anything is said, as SMTP does by STARTTLS.
 * @throws {WatchpostError} url_invalid, address_refused.
 */
export const parseOtherTarget = (
  text: string,
  networks: readonly Network[],
  scheme: 'smtp' | 'mqtt',
  mayBePlain: boolean,
): OtherTarget => {
  const [, given = '', rest = ''] = /^([a-z]+):(.*)$/i.exec(text) ?? [];
  const isSecure = given.toLowerCase() === `${scheme}s`;
  if (!isSecure && given.toLowerCase() !== scheme) throw unusable(`it does not begin with ${scheme}s://`);
  // Of an unknown scheme URL does not read the host as an address; ws has the port 80, which is neither's.
  const url = parse(`ws:${rest}`);
  assertPlace(url, networks, isSecure || mayBePlain, scheme);
  return { host: hostOf(url), port: url.port === '' ? undefined : Number(url.port), isSecure };
};

const parse = (text: string): URL => {
  if (!URL.canParse(text)) throw unusable('it is not a URL');
  return new URL(text);
};

/** Refuses a place that may not be called, as far as its text shows it. */
const assertPlace = (
  url: URL,
  networks: readonly Network[],
  isProtected: boolean,
  scheme: 'http' | 'smtp' | 'mqtt' = 'http',
): void => {
  if (url.username || url.password) throw unusable('it holds a user or a password');
  if (url.hash) throw unusable('it has a fragment');
  const host = hostOf(url);
  const address = isIP(host) ? host : isLocalName(host) ? '127.0.0.1' : undefined;
  const refused = address === undefined ? undefined : whyRefused(address, networks);
  if (refused) {
    throw new WatchpostError('address_refused', `The URL leads to ${refused}.`, { hint: namingHint });
  }
  const plainAllowed = address === undefined ? networks.length > 0 : isNamed(address, networks);
  if (!isProtected && !plainAllowed) throw plain(scheme);
};

/**
 * Whether a host is one that sql/5-alerts/new-endpoint.sql refuses unless the row says that it is internal, as it does what is
 * not protected.
 */
export const isInternal = (host: string, isProtected: boolean): boolean =>
  !isProtected || isLocalName(host) || (isIP(host) > 0 && !!whyRefused(host, []));

/** The error of a URL with plain http that leads elsewhere than into a network that the settings name. */
export const plain = (scheme: 'http' | 'smtp' | 'mqtt' = 'http') =>
  new WatchpostError('url_invalid', `The URL must begin with ${scheme}s://.`, {
    hint: 'Unencrypted, names and places could be read on the way. It is used within networks that WATCHPOST_OUTGOING_ALLOW names.',
  });

const unusable = (why: string) =>
  new WatchpostError('url_invalid', `The URL cannot be used: ${why}.`, {
    hint: 'Give one like https://guards.example/hooks/watchpost.',
  });
