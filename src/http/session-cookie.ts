import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Context } from 'hono';
import { deleteCookie, setCookie } from 'hono/cookie';
import { WatchpostError } from '../errors.ts';
import { isByHttps } from './address.ts';
import type { Served } from './services.ts';

/** The cookie with the token of a session. No script can read it, and no other site can have it sent. */
export const sessionCookie = 'watchpost_session';

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);

/** What a page has to send with calls that change something: it follows from the token, which no script can read. */
export const csrfOf = (token: string): string =>
  createHmac('sha256', token).update('csrf').digest('base64url');

/**
 * Checks that a call by cookie which may change something comes from a page that asked who is logged in, as only pages of
 * this server can.
 *
 * @throws {WatchpostError} csrf_invalid.
 */
export const assertSamePage = (c: Context<Served>, token: string): void => {
  if (safeMethods.has(c.req.raw.method)) return;
  const [given, expected] = [c.req.header('x-csrf-token') ?? '', csrfOf(token)].map((text) =>
    Buffer.from(text),
  );
  if (given?.length === expected?.length && timingSafeEqual(given as Buffer, expected as Buffer)) return;
  throw new WatchpostError('csrf_invalid', 'The header X-CSRF-Token is not the one of this session.', {
    hint: 'GET /session answers it as csrf. Reload the page.',
  });
};

/** Gives the token to the browser. */
export const setSessionCookie = (c: Context<Served>, token: string, seconds: number): void =>
  setCookie(c, sessionCookie, token, { ...attributesOf(c), maxAge: seconds });

/** Takes it away. */
export const clearSessionCookie = (c: Context<Served>): void => {
  deleteCookie(c, sessionCookie, attributesOf(c));
};

const attributesOf = (c: Context<Served>) =>
  ({ path: '/', httpOnly: true, sameSite: 'Strict', secure: isByHttps(c) }) as const;
