import { readdirSync } from 'node:fs';
import { staticFiles } from './static-files.ts';

const folder = new URL('console/', import.meta.url);

/**
 * GET /console: a page that shows alerts as they are raised, the face that was seen beside the enrolled one, and reviews
 * them. The page itself is public and holds no data; its script calls the API with the key that the user enters.
 */
export const consolePage = () =>
  staticFiles(
    Object.fromEntries(
      readdirSync(folder).map((file) => [file === 'page.html' ? '/' : `/${file}`, new URL(file, folder)]),
    ),
    // Pictures that its script has fetched with the API key.
    ['img-src blob:'],
  );
