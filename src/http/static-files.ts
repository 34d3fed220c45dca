import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { Hono } from 'hono';
import { etag } from 'hono/etag';
import type { Served } from './services.ts';

const types: Record<string, string> = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript' };

/** A page loads only what this server serves, and what `more` adds, for example pictures that its script has fetched. */
const policyWith = (more: readonly string[]): string =>
  [
    `default-src 'none'`,
    `script-src 'self'`,
    `style-src 'self'`,
    `connect-src 'self'`,
    `base-uri 'none'`,
    `form-action 'none'`,
    `frame-ancestors 'none'`,
    ...more,
  ].join('; ');

/**
 * Routes of a page for people: its files, which are read once. Browsers ask each time whether a file has changed.
 *
 * @param files by address.
 * @param more directives of the content security policy beside those of policyWith.
 */
export const staticFiles = (files: Readonly<Record<string, URL>>, more: readonly string[]) => {
  const app = new Hono<Served>().use(etag());
  const policy = policyWith(more);
  for (const [address, file] of Object.entries(files)) {
    const body = readFileSync(file);
    const type = types[extname(file.pathname)] as string;
    app.get(address, (c) =>
      c.body(body, 200, {
        'content-type': `${type}; charset=utf-8`,
        'content-security-policy': policy,
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-cache',
      }),
    );
  }
  return app;
};
