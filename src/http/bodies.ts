import type { MiddlewareHandler } from 'hono';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { readOptionalJson } from './body.ts';
import { routeOf } from './queries.ts';
import type { Served } from './services.ts';

/** The POST routes whose path says it all. Other methods than POST and PATCH take no body at all. */
const postsWithoutBody = new Set([
  'POST /v1/endpoints/:id/rotate',
  'POST /v1/endpoints/:id/test',
  'POST /v1/endpoints/:id/enable',
  'POST /v1/endpoints/:id/disable',
  'POST /v1/dead-letters/:id/replay',
]);

const nothing = z.strictObject({});

/**
 * Refuses a body on routes that would ignore it, except `{}`, which many clients send where there is nothing to say.
 *
 * @throws {WatchpostError} body_invalid, and what readOptionalJson throws.
 */
export const refuseBody: MiddlewareHandler<Served> = async (c, next) => {
  const route = routeOf(c);
  const { method } = c.req.raw;
  if (method === 'GET' || method === 'HEAD') {
    const announced = Number(c.req.header('content-length') ?? 0) > 0 || c.req.header('transfer-encoding');
    if (announced) throw new WatchpostError('body_invalid', `A ${method} takes no body.`);
  } else if (route && (!['POST', 'PATCH'].includes(method) || postsWithoutBody.has(route))) {
    await readOptionalJson(c, nothing);
  }
  return next();
};
