import type { Context, MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import { WatchpostError } from '../errors.ts';
import type { Served } from './services.ts';

/** The routes that take a query, each with a schema of its own. */
const routesWithQuery = new Set([
  'POST /v1/images',
  'GET /v1/persons',
  'POST /v1/persons/:id/photos',
  'DELETE /v1/persons/:id/photos/:photo',
  'GET /v1/calibrations',
  'GET /v1/calibrations/:file',
  'GET /v1/dead-letters',
  'GET /v1/endpoints',
  'GET /v1/watchlists',
  'GET /v1/cameras',
  'GET /v1/alerts',
  'GET /v1/alerts/stream',
  'GET /v1/strangers',
  'POST /v1/endpoints/:id/rotate',
  'GET /v1/endpoints/:id/deliveries',
]);

/** The route of a call, as `POST /v1/images`; undefined if there is none at its path. */
export const routeOf = (c: Context<Served>): string | undefined => {
  // The first match that is not middleware: /alerts/stream matches /alerts/:id too.
  const route = matchedRoutes(c).find(({ method }) => method !== 'ALL');
  return route && `${route.method} ${route.path}`;
};

/**
 * Refuses a query on the other routes, which would ignore it.
 *
 * @throws {WatchpostError} query_invalid.
 */
export const refuseQuery: MiddlewareHandler<Served> = async (c, next) => {
  const route = routeOf(c);
  if (route && !routesWithQuery.has(route) && Object.keys(c.req.query()).length > 0) {
    throw new WatchpostError('query_invalid', `${route} takes no query.`);
  }
  return next();
};
