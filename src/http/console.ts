import { readFileSync } from 'node:fs';
import { Hono } from 'hono';
import type { Served } from './services.ts';

/** The files of the page, by the path they are served under. */
const files = {
  '/': ['page.html', 'text/html; charset=utf-8'],
  '/console.css': ['console.css', 'text/css; charset=utf-8'],
  '/console.js': ['console.js', 'text/javascript; charset=utf-8'],
  '/api.js': ['api.js', 'text/javascript; charset=utf-8'],
  '/views.js': ['views.js', 'text/javascript; charset=utf-8'],
} as const;

/** Nothing but what this server serves, and pictures that the page has fetched itself with its key. */
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
 * GET /console: the alerts as they come, face beside face, to be acknowledged, confirmed or dismissed. The page holds
 * no data and needs no key; what it shows it asks of the API, with the key that is typed into it.
 */
export const consolePage = () => {
  const app = new Hono<Served>();
  for (const [path, [file, type]] of Object.entries(files)) {
    const body = readFileSync(new URL(`console/${file}`, import.meta.url));
    app.get(path, (c) =>
      c.body(body, 200, {
        'content-type': type,
        'content-security-policy': policy,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-cache',
      }),
    );
  }
  return app;
};
