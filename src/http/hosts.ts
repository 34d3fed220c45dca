import { isIP } from 'node:net';
import { hostname } from 'node:os';
import type { MiddlewareHandler } from 'hono';
import { WatchpostError } from '../errors.ts';
import type { Served } from './services.ts';

/**
 * Refuses calls to a name that is not one of this server. A page of an attacker can give its own name the address of this
 * machine (DNS rebinding), and its script then calls the API as if it were its own site; the header Host still has the
 * attacker's name.
 *
 * Accepted are what no attacker can own: addresses, localhost and names below it, names without a dot (services of a
 * container network, machines of a local one), the name of this machine, and the names that the settings give.
 *
 * @param hosts names in lower case, without ports; see WATCHPOST_HOSTS.
 */
export const checkHost = (hosts: readonly string[]): MiddlewareHandler<Served> => {
  const known = new Set([...hosts, hostname().toLowerCase()]);
  return async (c, next) => {
    const host = hostIn(c.req.url);
    if (known.has(host) || isIP(host) || !host.includes('.') || host.endsWith('.localhost')) return next();
    throw new WatchpostError('host_refused', `This server is not called ${host}.`, {
      hint: 'Add the name to WATCHPOST_HOSTS if it is one of this server.',
    });
  };
};

/** The host of a URL, which the server has made of the header Host: without brackets, and without a dot at its end. */
const hostIn = (url: string): string => new URL(url).hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
