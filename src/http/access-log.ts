import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context, MiddlewareHandler } from 'hono';
import type { Log } from '../log.ts';
import type { Served } from './services.ts';

/** Writes one line for each call: what was asked, by which key, from where, and how it ended. No query, no body. */
export const logAccess =
  (log: Log): MiddlewareHandler<Served> =>
  async (c, next) => {
    const begun = performance.now();
    await next();
    log.info(
      {
        request_id: c.get('requestId'),
        method: c.req.method,
        path: c.req.path,
        status: c.res.status,
        ms: Number((performance.now() - begun).toFixed(1)),
        actor: c.get('actor') ?? null,
        from: addressOf(c),
      },
      'access',
    );
  };

/** Null where the app is called without a socket. */
const addressOf = (c: Context<Served>): string | null => {
  try {
    return getConnInfo(c).remote.address ?? null;
  } catch {
    return null;
  }
};
