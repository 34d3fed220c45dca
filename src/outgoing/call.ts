import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { version } from '../version.ts';
import { tlsProblemOf } from './certificate.ts';
import type { Outgoing } from './outgoing.ts';
import { addressesOf, unlessAborted } from './server.ts';
import { hostOf, parseTarget } from './target.ts';

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
  const url = parseTarget(text, outgoing.networks);
  const found = addressesOf(hostOf(url), url.protocol === 'https:', outgoing);
  return request(url, await unlessAborted(wanted.signal, found), wanted);
};

/** The reason of a call that failed: ECONNREFUSED, for example, or what is wrong with a certificate. Without the URL. */
export const causeOf = (error: unknown): string => {
  if (!(error instanceof Error)) return 'unknown';
  return (
    tlsProblemOf(error) ||
    ('code' in error && String(error.code)) ||
    error.message.split('\n', 1)[0] ||
    error.name
  );
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
