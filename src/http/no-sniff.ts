import type { MiddlewareHandler } from 'hono';
import type { Served } from './services.ts';

/** Says of every answer that its type is the one that is given: a photo that begins like a page is no page. */
export const noSniff: MiddlewareHandler<Served> = async (c, next) => {
  await next();
  c.header('X-Content-Type-Options', 'nosniff');
};
