import type { MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import { WatchpostError } from '../errors.ts';
import type { Served } from './app.ts';

/** The calls that take a query, each by a schema of its own. */
const callsWithQuery = new Set([
  'POST /v1/images',
  'GET /v1/persons',
  'POST /v1/persons/:id/photos',
  'DELETE /v1/persons/:id/photos/:photo',
  'GET /v1/calibrations/:file',
  'GET /v1/alerts',
  'GET /v1/alerts/stream',
  'GET /v1/strangers',
  'POST /v1/endpoints/:id/rotate',
  'GET /v1/endpoints/:id/deliveries',
]);

/**
 * Refuses a query where none is taken: what is asked for there would be ignored without a word.
 *
 * @throws {WatchpostError} query_invalid.
 */
export const refuseQuery: MiddlewareHandler<Served> = async (c, next) => {
  const [parameter] = Object.keys(c.req.query());
  const route = matchedRoutes(c).at(-1);
  if (
    parameter !== undefined &&
    route &&
    !callsWithQuery.has(`${route.method} ${route.path}`) &&
    route.method !== 'ALL'
  ) {
    throw new WatchpostError('query_invalid', `${c.req.method} ${route.path} takes no query.`);
  }
  return next();
};
