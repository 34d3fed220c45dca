import { lookup } from 'node:dns/promises';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { WatchpostError } from '../errors.ts';
import { version } from '../version.ts';
import { isNamed, type Network, whyRefused } from './networks.ts';
import { hostOf, namingHint, type OtherTarget, parseOtherTarget, parseTarget, plain } from './target.ts';

/** How other servers are called: one guard for webhooks, photos by URL and whatever else leaves this system. */
export interface Outgoing {
  /** Networks that may be called although they are not public, and over plain http: WATCHPOST_OUTGOING_ALLOW. */
  readonly networks: readonly Network[];
  /** The addresses of a name; the system's resolver unless given. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  /** The address at which people reach this installation, for links in messages; undefined: messages have none. */
  readonly publicUrl?: string | undefined;
  /** Makes a span of a message that is sent, and gives the headers by which the receiver can go on with the trace. */
  readonly traced?: <T>(
    url: string,
    send: (headers: Readonly<Record<string, string>>) => Promise<T>,
  ) => Promise<T>;
}

/** Only public addresses, by https. */
export const publicOnly: Outgoing = { networks: [] };

/** A call. */
interface Call {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Ends everything, from finding the address to the last byte of the answer. */
  readonly signal: AbortSignal;
}

/**
 * Calls a URL once. A name is resolved once, and the connection is made to one of the addresses that were judged, so that
 * a name whose answer changes between the two cannot lead elsewhere; the certificate has to be that of the name. Redirects
 * are not followed, no proxy is used, and no connection is kept.
 *
 * @returns the answer, whose body is to be read or destroyed.
 * @throws {WatchpostError} url_invalid, address_refused: the guard refuses it.
 * @throws any other error if it could not be reached; `causeOf` says why.
 */
export const call = async (text: string, outgoing: Outgoing, wanted: Call) => {
  const { networks } = outgoing;
  const url = parseTarget(text, networks);
  const addresses = await addressesOf(hostOf(url), outgoing, wanted.signal);
  const usable = url.protocol === 'https:' ? addresses : addresses.filter((one) => isNamed(one, networks));
  if (usable.length === 0) throw plain();
  return request(url, usable, wanted);
};

/**
 * The addresses of a host that may be called; one at least.
 *
 * @throws {WatchpostError} address_refused.
 */
const addressesOf = async (
  host: string,
  { networks, resolve = resolveName }: Outgoing,
  signal: AbortSignal,
): Promise<readonly string[]> => {
  const found = isIP(host) ? [host] : await unlessAborted(signal, resolve(host));
  const addresses = found.filter((address) => whyRefused(address, networks) === undefined);
  if (addresses.length > 0) return addresses;
  const [first] = found;
  if (first === undefined) throw new WatchpostError('address_refused', 'The name of the URL has no address.');
  throw new WatchpostError('address_refused', `The URL leads to ${whyRefused(first, networks)}.`, {
    hint: namingHint,
  });
};

/** Where a server of another protocol than HTTP is reached: at the address, under the name that its certificate has to have. */
export interface Reached extends OtherTarget {
  readonly address: string;
  /** Whether the settings name its network: then it may do without TLS. */
  readonly isNamed: boolean;
}

/**
 * Judges a server of another protocol by the rules of `call`: its name is resolved once, and the connection is to be made to
 * the address that is returned.
 *
 * @throws {WatchpostError} url_invalid, address_refused.
 */
export const reach = async (
  text: string,
  outgoing: Outgoing,
  scheme: 'smtp' | 'mqtt',
  signal: AbortSignal,
): Promise<Reached> => {
  const { networks } = outgoing;
  const target = parseOtherTarget(text, networks, scheme, scheme === 'smtp');
  const addresses = await addressesOf(target.host, outgoing, signal);
  const usable =
    target.isSecure || scheme === 'smtp' ? addresses : addresses.filter((one) => isNamed(one, networks));
  const [address] = usable;
  if (address === undefined) throw plain(scheme);
  return { ...target, address, isNamed: isNamed(address, networks) };
};

/** The reason of a call that failed: ECONNREFUSED, for example. Without the URL. */
export const causeOf = (error: unknown): string => {
  if (!(error instanceof Error)) return 'unknown';
  return ('code' in error && String(error.code)) || error.message.split('\n', 1)[0] || error.name;
};

const resolveName = async (host: string): Promise<readonly string[]> =>
  (await lookup(host, { all: true })).map(({ address }) => address);

/** The resolver cannot be interrupted; whoever waits for it can. */
const unlessAborted = async <T>(signal: AbortSignal, work: Promise<T>): Promise<T> => {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort);
  try {
    signal.throwIfAborted();
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
};

const request = (url: URL, addresses: readonly string[], { method, headers, body, signal }: Call) =>
  new Promise<IncomingMessage>((resolve, reject) => {
    const { request } = url.protocol === 'https:' ? https : http;
    const sent = request(url, {
      method,
      signal,
      // A connection of its own, which is not kept: one that is kept would be used without judging its address again.
      agent: false,
      lookup: pinned(addresses),
      headers: { 'user-agent': `watchpost/${version}`, ...headers },
    });
    sent.once('response', resolve).once('error', reject);
    sent.end(body);
  });

/** Gives the addresses that were judged instead of asking again. Never called for a host that is an address. */
const pinned = (addresses: readonly string[]): LookupFunction => {
  const all = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_host, options, done) => {
    const [first] = all;
    if (options.all) done(null, all);
    else done(null, first?.address ?? '', first?.family);
  };
};
