import type { MiddlewareHandler } from 'hono';
import type { Served, Services } from './services.ts';

const readOnly = new Set(['GET', 'HEAD']);

/**
 * Nudges the relay after each call that may have written, whatever its answer: a call may commit and fail afterwards.
 * Routes do not nudge themselves, so none can forget to. A nudge without new events costs one short query.
 */
export const nudgeAfterWrites =
  (relay: Services['relay']): MiddlewareHandler<Served> =>
  async (c, next) => {
    try {
      await next();
    } finally {
      if (!readOnly.has(c.req.method)) relay.nudge();
    }
  };
