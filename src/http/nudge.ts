import type { MiddlewareHandler } from 'hono';
import type { Served, Services } from './services.ts';

const readOnly = new Set(['GET', 'HEAD']);

/**
 * Nudges this process, which then claims or relays new events, after each call that may have written: whatever the
 * answer is, because a call may commit and fail afterwards. It is done here and not in the routes, so that no route can
 * omit it. A nudge without new events costs one short query.
 */
export const nudgeAfterWrites =
  (nudge: Services['nudge']): MiddlewareHandler<Served> =>
  async (c, next) => {
    try {
      await next();
    } finally {
      if (!readOnly.has(c.req.method)) nudge();
    }
  };
