import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import type { Context } from 'hono';
import { Hono } from 'hono';
import { etag } from 'hono/etag';
import type { Served } from './services.ts';

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
};

/** A page loads only what this server serves, and what `more` adds, for example pictures that its script has fetched. */
export const policyWith = (more: readonly string[]): string =>
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

/** A file of a page. Browsers ask each time whether it has changed, unless its address changes with it. */
export const sendFile = (
  c: Context<Served>,
  file: { path: string; body: Uint8Array },
  policy: string,
  isHashed = false,
) =>
  c.body(new Uint8Array(file.body), 200, {
    'content-type': types[extname(file.path)] ?? 'application/octet-stream',
    'content-security-policy': policy,
    'referrer-policy': 'no-referrer',
    'cache-control': isHashed ? 'public, max-age=31536000, immutable' : 'no-cache',
  });

/**
 * Routes of a page for people: its files, which are read once.
 *
 * @param files by address.
 * @param more directives of the content security policy beside those of policyWith.
 */
export const staticFiles = (files: Readonly<Record<string, URL>>, more: readonly string[]) => {
  const app = new Hono<Served>().use(etag());
  const policy = policyWith(more);
  for (const [address, file] of Object.entries(files)) {
    const body = readFileSync(file);
    app.get(address, (c) => sendFile(c, { path: file.pathname, body }, policy));
  }
  return app;
};
