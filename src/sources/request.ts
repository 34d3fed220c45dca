import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { WatchpostError } from '../errors.ts';
import { call, causeOf } from '../outgoing/index.ts';
import { credentialsOf, notAdmitted, SourceError, type SourceTools } from './source.ts';

/**
 * Asks for a URL, and once more with user and password where the server asks for them, by the scheme Basic or Digest.
 *
 * @param userinfo user:password, percent-encoded; null: there are none.
 * @returns an answer of status 200 or 206, whose body is to be read or destroyed.
 * @throws {SourceError}
 */
export const request = async (
  url: string,
  userinfo: string | null,
  { outgoing, signal }: SourceTools,
  headers: Readonly<Record<string, string>> = {},
): Promise<IncomingMessage> => {
  // Until the headers: a body may go on for ever.
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new SourceError('no answer within 20 s')), 20_000);
  const ends = AbortSignal.any([signal, late.signal]);
  const ask = (more: Readonly<Record<string, string>>) =>
    call(url, outgoing, { method: 'GET', headers: { ...headers, ...more }, signal: ends });
  try {
    let answer = await ask({});
    const challenge = answer.headers['www-authenticate'];
    if (answer.statusCode === 401 && userinfo !== null && challenge !== undefined) {
      answer.destroy();
      answer = await ask({ authorization: authorization(challenge, url, userinfo) });
    }
    if (answer.statusCode === 200 || answer.statusCode === 206) return answer;
    answer.destroy();
    throw new SourceError(
      answer.statusCode === 401 ? notAdmitted : `The server answers ${answer.statusCode}.`,
    );
  } catch (error) {
    if (error instanceof SourceError && !late.signal.aborted) throw error;
    if (error instanceof WatchpostError)
      throw new SourceError([error.message, error.hint].filter(Boolean).join(' '));
    throw new SourceError(
      `The server cannot be reached: ${late.signal.aborted ? 'no answer within 20 s' : causeOf(error)}.`,
    );
  } finally {
    clearTimeout(timer);
  }
};

/** A body as a whole, of so many bytes at most. */
export const bodyOf = async (answer: IncomingMessage, most: number): Promise<Buffer> => {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of answer as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > most) throw new SourceError(`The server answers more than ${most / 2 ** 20} MB.`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
};

/** The header Authorization for a challenge: RFC 7617 and 7616, as cameras ask for it. */
const authorization = (challenge: string, url: string, userinfo: string): string => {
  const { user, password } = credentialsOf(userinfo);
  if (!/^\s*digest\b/i.test(challenge))
    return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const field = (name: string): string => {
    const [, quoted, bare] = new RegExp(`\\b${name}=(?:"([^"]*)"|([^\\s,]+))`, 'i').exec(challenge) ?? [];
    return quoted ?? bare ?? '';
  };
  const algorithm = /sha-256/i.test(field('algorithm')) ? 'sha256' : 'md5';
  const hash = (text: string): string => createHash(algorithm).update(text).digest('hex');
  const { pathname, search } = new URL(url);
  const uri = `${pathname}${search}`;
  const hasQuality = /\bauth\b/.test(field('qop'));
  const [count, nonce] = ['00000001', randomBytes(8).toString('hex')];
  const secret = hash(`${user}:${field('realm')}:${password}`);
  const middle = hasQuality ? `${field('nonce')}:${count}:${nonce}:auth` : field('nonce');
  const parts = [
    `username="${user}"`,
    `realm="${field('realm')}"`,
    `nonce="${field('nonce')}"`,
    `uri="${uri}"`,
    `response="${hash(`${secret}:${middle}:${hash(`GET:${uri}`)}`)}"`,
    ...(field('algorithm') ? [`algorithm=${field('algorithm')}`] : []),
    ...(field('opaque') ? [`opaque="${field('opaque')}"`] : []),
    ...(hasQuality ? ['qop=auth', `nc=${count}`, `cnonce="${nonce}"`] : []),
  ];
  return `Digest ${parts.join(', ')}`;
};
