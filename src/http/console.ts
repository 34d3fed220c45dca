import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Hono } from 'hono';
import { compress } from 'hono/compress';
import { etag } from 'hono/etag';
import type { Served } from './services.ts';
import { policyWith, sendFile } from './static-files.ts';

/** Where `npm run build` puts the console. */
const builtFolder = fileURLToPath(new URL('../../dist/console/', import.meta.url));

// Photos come from the API, and those that a user drops are shown before they are sent. Sounds are files of the console.
const policy = policyWith([
  `img-src 'self' blob: data:`,
  `media-src 'self'`,
  `font-src 'self'`,
  `manifest-src 'self'`,
]);

const notBuilt = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Watchpost</title>
<h1>The console is not built</h1>
<p>Run <code>npm run build</code> in the folder of Watchpost and reload this page. The API works without it.</p>
</html>
`;

/**
 * GET /console/*: the program that runs in the browser, as it was built from src/console. Its files are public and hold no
 * data; it calls the API in the name of whoever logs in. Every address that is no file is the page itself, whose router knows it.
 *
 * @param folder of the built files, with a slash at its end.
 */
export const consolePage = (folder = builtFolder) => {
  const files = readBuilt(folder);
  const page = files.get('index.html');
  const app = new Hono<Served>().use(etag()).use(compress());
  if (!page) return app.get('/*', (c) => c.html(notBuilt, 503, { 'content-security-policy': policy }));
  return app.get('/*', (c) => {
    const path = c.req.path.replace(/^\/console\/?/, '');
    const body = files.get(path);
    if (body) return sendFile(c, { path, body }, policy, path.startsWith('assets/'));
    if (path.startsWith('assets/')) return c.notFound();
    return sendFile(c, { path: 'index.html', body: page }, policy);
  });
};

/** The built files by their path; none if it was not built. */
const readBuilt = (folder: string): Map<string, Buffer> => {
  try {
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
    return new Map(
      entries
        .filter((entry) => entry.isFile())
        .map((entry) => `${entry.parentPath}/${entry.name}`)
        .map((path) => [path.slice(folder.length).replace(/^\//, ''), readFileSync(path)]),
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw error;
  }
};
