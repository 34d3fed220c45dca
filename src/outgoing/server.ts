import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { WatchpostError } from '../errors.ts';
import { isNamed, whyRefused } from './networks.ts';
import type { Outgoing } from './outgoing.ts';
import { namingHint, type OtherTarget, parseOtherTarget, plain } from './target.ts';

/**
 * The addresses of a server, of any protocol, judged. A name is resolved once. The connection is to be made to one
 * of them and not to the name.
 *
 * @param host a name, or an address without brackets.
 * @param isSecure whether the protocol is encrypted; if not, only networks that the settings name may be called.
 * @throws {WatchpostError} url_invalid, address_refused. Errors of the resolver.
 */
export const addressesOf = async (
  host: string,
  isSecure: boolean,
  { networks, resolve = resolveName }: Outgoing,
): Promise<readonly [string, ...string[]]> => {
  const found = isIP(host) ? [host] : await resolve(host);
  const [first] = found;
  if (first === undefined) throw new WatchpostError('address_refused', 'The name of the URL has no address.');
  const allowed = found.filter((address) => whyRefused(address, networks) === undefined);
  if (allowed.length === 0)
    throw new WatchpostError('address_refused', `The URL leads to ${whyRefused(first, networks)}.`, {
      hint: namingHint,
    });
  const [usable, ...others] = isSecure ? allowed : allowed.filter((address) => isNamed(address, networks));
  if (usable === undefined) throw plain();
  return [usable, ...others];
};

const resolveName = async (host: string): Promise<readonly string[]> =>
  (await lookup(host, { all: true })).map(({ address }) => address);

/** Where a server of another protocol than HTTP is reached: at the address, under the name that its certificate has to have. */
export interface Reached extends OtherTarget {
  readonly address: string;
  /** Whether the settings name its network: then it may do without TLS. */
  readonly isNamed: boolean;
}

/**
 * Judges a mail server or a broker by the rules of `call`.
 *
 * @throws {WatchpostError} url_invalid, address_refused. Errors of the resolver.
 */
export const reach = async (
  text: string,
  outgoing: Outgoing,
  scheme: 'smtp' | 'mqtt',
  signal: AbortSignal,
): Promise<Reached> => {
  const target = parseOtherTarget(text, outgoing.networks, scheme, scheme === 'smtp');
  const isSecure = target.isSecure || scheme === 'smtp';
  const [address] = await unlessAborted(signal, addressesOf(target.host, isSecure, outgoing));
  return { ...target, address, isNamed: isNamed(address, outgoing.networks) };
};

/** The resolver cannot be interrupted; whoever waits for it can. */
export const unlessAborted = async <T>(signal: AbortSignal, work: Promise<T>): Promise<T> => {
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
