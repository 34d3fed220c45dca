import type { Context } from 'hono';
import type { Served } from './services.ts';

/** Whether the caller reaches this server by https. Behind a proxy that ends TLS, its X-Forwarded-Proto says so. */
export const isByHttps = (c: Context<Served>): boolean =>
  new URL(c.req.url).protocol === 'https:' || c.req.header('x-forwarded-proto') === 'https';

/** The whole address of a path, by which the caller reaches this server. */
export const addressOf = (c: Context<Served>, path: string): string => {
  const url = new URL(path, c.req.url);
  if (isByHttps(c)) url.protocol = 'https:';
  return url.href;
};
