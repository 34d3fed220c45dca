import { staticFiles } from './static-files.ts';

const own = (file: string): URL => new URL(`docs/${file}`, import.meta.url);
const ofPackage = (file: string): URL => new URL(import.meta.resolve(`swagger-ui-dist/${file}`));

/**
 * GET /docs: a page to read /openapi.json and to try the API with a key, by Swagger UI, which this server serves itself:
 * no other server is asked. The key stays in the page.
 */
export const docsPage = () =>
  staticFiles(
    {
      '/': own('page.html'),
      '/docs.css': own('docs.css'),
      '/docs.js': own('docs.js'),
      '/swagger-ui.css': ofPackage('swagger-ui.css'),
      '/swagger-ui-bundle.js': ofPackage('swagger-ui-bundle.js'),
    },
    // Its icons are in its style sheet; a photo that is answered is shown as a blob.
    ['img-src data: blob:'],
  );
