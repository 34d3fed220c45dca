import { randomBytes } from 'node:crypto';
import { type Context, Hono } from 'hono';
import { getCookie } from 'hono/cookie';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { type Admission, type Admitted, digest } from './admission.ts';
import { operation } from './operation.ts';
import { session } from './schemas/sessions.ts';
import type { Served, Services } from './services.ts';
import {
  assertSamePage,
  clearSessionCookie,
  csrfOf,
  sessionCookie,
  setSessionCookie,
} from './session-cookie.ts';

/** A working day: who comes back the next one logs in again. */
const sessionSeconds = 12 * 3600;

const login = z.strictObject({ key: z.string().min(1, 'give an API key') });

/** Whose session it is: of whoever has a key, or of a person for whom OpenID Connect vouches, with the rights of a key. */
type Opener = { readonly key: string } | { readonly keyName: string; readonly subject: string };

/**
 * Opens a session and gives its token to the browser, and to nobody else.
 *
 * @returns the token; undefined if there is no such key, or it is not valid.
 */
export const openSession = async (
  c: Context<Served>,
  { pool }: Services['database'],
  by: Opener,
): Promise<string | undefined> => {
  const token = randomBytes(32).toString('base64url');
  const { rows } = await pool.query<{ ends_at: Date | null }>(
    'key' in by
      ? 'select watchpost.open_session($1, $2, make_interval(secs => $3)) as ends_at'
      : 'select watchpost.open_session_of($1, $2, make_interval(secs => $3), $4) as ends_at',
    'key' in by
      ? [digest(by.key), digest(token), sessionSeconds]
      : [by.keyName, digest(token), sessionSeconds, by.subject],
  );
  if (!rows[0]?.ends_at) return undefined;
  setSessionCookie(c, token, sessionSeconds);
  return token;
};

const answerOf = (token: string, { key, actor, expiresAt }: Admitted) => ({
  csrf: csrfOf(token),
  name: key.name,
  actor,
  scopes: [...key.scopes],
  sites: key.sites === null ? null : [...key.sites],
  cameras: key.cameras === null ? null : [...key.cameras],
  watchlists: key.watchlists === null ? null : [...key.watchlists],
  expires_at: (expiresAt as Date).toISOString(),
});

const tokenOf = (c: Context<Served>): string => {
  const token = getCookie(c, sessionCookie);
  if (token) return token;
  throw new WatchpostError('session_missing', 'Nobody is logged in here.', {
    hint: 'Log in with an API key.',
  });
};

/**
 * POST /session logs a browser in with an API key: the answer sets a cookie, which no script can read, and has what calls that
 * change something send as X-CSRF-Token. GET /session says who is logged in, DELETE /session logs out.
 */
export const sessions = ({ database }: Pick<Services, 'database'>, admission: Admission) =>
  new Hono<Served>()
    .post(
      '/',
      operation({
        summary: 'Log in to the console with an API key',
        description: 'The cookie of the answer is valid for 12 hours, and no longer than the key.',
        scope: null,
        body: login,
        answers: { 200: session },
        errors: ['key_invalid', 'rate_limited'],
      }),
      async (c) => {
        const { key } = c.req.valid('json');
        await admission.byKey(key);
        const token = await openSession(c, database, { key });
        if (token === undefined) throw new WatchpostError('key_invalid', 'This API key was revoked.');
        return c.json(answerOf(token, await admission.bySession(token)));
      },
    )
    .get(
      '/',
      operation({
        summary: 'Who is logged in to the console',
        scope: null,
        answers: { 200: session },
        errors: ['session_missing', 'rate_limited'],
      }),
      async (c) => {
        const token = tokenOf(c);
        return c.json(answerOf(token, await admission.bySession(token)));
      },
    )
    .delete(
      '/',
      operation({
        summary: 'Log out of the console',
        scope: null,
        answers: { 204: null },
        errors: ['session_missing', 'csrf_invalid'],
      }),
      async (c) => {
        const token = tokenOf(c);
        assertSamePage(c, token);
        await database.pool.query('select watchpost.close_session($1)', [digest(token)]);
        admission.forget(token);
        clearSessionCookie(c);
        return c.body(null, 204);
      },
    );
