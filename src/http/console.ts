import { readFileSync } from 'node:fs';
import { Hono } from 'hono';
import type { Served } from './services.ts';

/** The files of the page and their types, by the path below /console. */
const files = {
  '/': ['page.html', 'text/html; charset=utf-8'],
  '/console.css': ['console.css', 'text/css; charset=utf-8'],
  '/console.js': ['console.js', 'text/javascript; charset=utf-8'],
  '/api.js': ['api.js', 'text/javascript; charset=utf-8'],
  '/views.js': ['views.js', 'text/javascript; charset=utf-8'],
} as const;

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
