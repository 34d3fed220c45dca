import { type Context, Hono } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { token } from '../fields.ts';
import { publicOnly } from '../outgoing/index.ts';
import { addressOf, isByHttps } from './address.ts';
import { type Begun, OpenId } from './open-id.ts';
import { operation } from './operation.ts';
import { loginWays } from './schemas/sessions.ts';
import type { Served, Services } from './services.ts';
import { openSession } from './sessions.ts';

/** Keeps what was begun. The browser sends it when the provider leads back, which SameSite=Strict would not allow. */
const begunCookie = 'watchpost_oidc';
const begunSeconds = 600;

const begunFields = z.strictObject({ state: z.string(), nonce: z.string(), verifier: z.string() });

const attributesOf = (c: Context<Served>) =>
  ({ path: '/session/oidc', httpOnly: true, sameSite: 'Lax', secure: isByHttps(c) }) as const;

/** The address that the provider leads back to. It is to be registered there. */
const backTo = (c: Context<Served>): URL => new URL(addressOf(c, '/session/oidc/callback'));

const readBegun = (c: Context<Served>): Begun | undefined => {
  try {
    return begunFields.parse(
      JSON.parse(Buffer.from(getCookie(c, begunCookie) ?? '', 'base64url').toString()),
    );
  } catch {
    return undefined;
  }
};

/**
 * GET /session/ways says how one can log in. GET /session/oidc leads to the provider, GET /session/oidc/callback back from it
 * and into the console; if that fails, to the log-in with the reason: `?refused=role` or `?refused=provider`.
 */
export const openIdLogin = ({ config, database, log }: Services) => {
  const openId = config.oidc && new OpenId(config.oidc, config.outgoing ?? publicOnly);
  const known = (): OpenId => {
    if (openId) return openId;
    throw new WatchpostError('oidc_off', 'OpenID Connect is not set up here.', {
      hint: 'Log in with an API key, or set WATCHPOST_OIDC_ISSUER.',
    });
  };
  const refuse = (c: Context<Served>, why: 'role' | 'provider', error?: unknown) => {
    log.warn(
      { request_id: c.get('requestId'), why, ...(error ? { err: error } : {}) },
      'a log-in by OpenID Connect failed',
    );
    return c.redirect(`/console/?refused=${why}`);
  };
  return new Hono<Served>()
    .get(
      '/ways',
      operation({ summary: 'How one can log in', scope: null, answers: { 200: loginWays } }),
      (c) => c.json({ key: true as const, oidc: openId !== undefined }),
    )
    .get(
      '/oidc',
      operation({
        summary: 'Log in by OpenID Connect: leads to the provider',
        scope: null,
        answers: { 302: null },
        errors: ['oidc_off'],
      }),
      async (c) => {
        try {
          const { to, begun } = await known().begin(backTo(c).href);
          const kept = Buffer.from(JSON.stringify(begun)).toString('base64url');
          setCookie(c, begunCookie, kept, { ...attributesOf(c), maxAge: begunSeconds });
          return c.redirect(to.href);
        } catch (error) {
          if (error instanceof WatchpostError && error.code === 'oidc_off') throw error;
          return refuse(c, 'provider', error);
        }
      },
    )
    .get(
      '/oidc/callback',
      operation({
        summary: 'Where the provider leads back to, and from there into the console',
        scope: null,
        query: z.looseObject({}),
        answers: { 302: null },
        errors: ['oidc_off'],
      }),
      async (c) => {
        const provider = known();
        const begun = readBegun(c);
        deleteCookie(c, begunCookie, attributesOf(c));
        if (!begun) return refuse(c, 'provider');
        const url = backTo(c);
        url.search = new URL(c.req.url).search;
        try {
          const { subject, key } = await provider.conclude(url, begun);
          const person = token.safeParse(subject);
          if (key === undefined || !person.success) return refuse(c, 'role');
          const opened = await openSession(c, database, { keyName: key, subject: person.data });
          return opened === undefined ? refuse(c, 'role') : c.redirect('/console/');
        } catch (error) {
          return refuse(c, 'provider', error);
        }
      },
    );
};
