import type { Context, MiddlewareHandler } from 'hono';
import { getCookie } from 'hono/cookie';
import { WatchpostError } from '../errors.ts';
import type { Admission, Admitted } from './admission.ts';
import type { Served } from './services.ts';
import { assertSamePage, sessionCookie } from './session-cookie.ts';

/**
 * Admits calls with a valid key, in `Authorization: Bearer KEY` or `X-API-Key: KEY`, or with the cookie of a session, and sets
 * `key`, how the record names the caller as `actor`, and the database as they may see it as `db`.
 *
 * @throws {WatchpostError} key_missing, key_invalid, session_missing, csrf_invalid, rate_limited.
 */
export const requireApiKey =
  (admission: Admission): MiddlewareHandler<Served> =>
  async (c, next) => {
    const { key, actor, db } = await admit(c, admission);
    c.set('key', key);
    c.set('actor', actor);
    c.set('db', db);
    return next();
  };

const admit = (c: Context<Served>, admission: Admission): Promise<Admitted> => {
  const given = c.req.header('x-api-key') ?? /^Bearer (.+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
  if (given) return admission.byKey(given);
  const token = getCookie(c, sessionCookie);
  if (!token) {
    admission.noteMissing();
    throw new WatchpostError('key_missing', 'This call needs an API key.', {
      hint: 'Send it as "Authorization: Bearer KEY". The first one is in the file api-key of the data folder; "watchpost key create" makes more.',
    });
  }
  assertSamePage(c, token);
  return admission.bySession(token);
};
