import { defineConfig } from 'vite';

/** The console is built into dist/console, which src/http/console.ts serves at /console/. */
export default defineConfig({
  base: '/console/',
  build: {
    outDir: '../../dist/console',
    emptyOutDir: true,
    target: 'es2022',
    // A file inlined as data: would need a policy that allows it.
    assetsInlineLimit: 0,
    // The polyfill is a script in the page, which the content security policy forbids.
    modulePreload: { polyfill: false },
  },
  // `npx vite src/console` while developing: the API is that of a server started beside it.
  server: { proxy: { '/v1': 'http://127.0.0.1:3000', '/session': 'http://127.0.0.1:3000' } },
});
