import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { WatchpostError } from '../errors.ts';
import type { Outgoing } from './call.ts';
import { isNamed, whyRefused } from './networks.ts';
import { namingHint, plain } from './target.ts';

/**
 * The addresses of a server of another protocol than HTTP, judged by the rules of `call`. The connection is to be made to one
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
