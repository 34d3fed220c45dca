import { readdirSync, readFileSync } from 'node:fs';
import { Hono } from 'hono';
import type { Served } from './services.ts';

const folder = new URL('console/', import.meta.url);

const types: Record<string, string> = { html: 'text/html', css: 'text/css', js: 'text/javascript' };

/** The page loads only what this server serves, and pictures that its script has fetched with the API key. */
const policy = [
  `default-src 'none'`,
  `script-src 'self'`,
  `style-src 'self'`,
  `connect-src 'self'`,
  'img-src blob:',
  `base-uri 'none'`,
  `form-action 'none'`,
  `frame-ancestors 'none'`,
].join('; ');

/**
 * GET /console: a page that shows alerts as they are raised, the face that was seen beside the enrolled one, and reviews
 * them. The page itself is public and holds no data; its script calls the API with the key that the user enters.
 */
export const consolePage = () => {
  const app = new Hono<Served>();
  for (const file of readdirSync(folder)) {
    const type = types[file.split('.').at(-1) as string];
    const body = readFileSync(new URL(file, folder));
    app.get(file === 'page.html' ? '/' : `/${file}`, (c) =>
      c.body(body, 200, {
        'content-type': `${type}; charset=utf-8`,
        'content-security-policy': policy,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-cache',
      }),
    );
  }
  return app;
};
