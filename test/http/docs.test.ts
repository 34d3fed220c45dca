import { readFileSync } from 'node:fs';
import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import { docsPage } from '../../src/http/docs.ts';

describe('the page of the document', () => {
  const app = new Hono().route('/docs', docsPage() as unknown as Hono);
  const textOf = async (path: string): Promise<string> => (await app.request(path)).text();

  it('has every file that it needs from this server, and none written into the page', async () => {
    const html = await textOf('/docs');
    const needed = [...html.matchAll(/<(?:script|link)[^>]*(?:src|href)="([^"]+)"/g)].map(([, path]) => path);
    expect(needed.toSorted()).toEqual([
      '/docs/docs.css',
      '/docs/docs.js',
      '/docs/swagger-ui-bundle.js',
      '/docs/swagger-ui.css',
    ]);
    for (const path of needed) {
      const file = await app.request(path as string);
      expect(file.status, path).toBe(200);
      expect(file.headers.get('content-type')).toMatch(path?.endsWith('.css') ? /css/ : /javascript/);
      expect((await file.arrayBuffer()).byteLength, path).toBeGreaterThan(0);
    }
    expect(html).not.toMatch(/<script>|<style|style=|\son\w+=/);
  });

  it('may load nothing from elsewhere: neither scripts and styles, nor a check of the document by its makers', async () => {
    const policy = (await app.request('/docs')).headers.get('content-security-policy') ?? '';
    expect(policy).toContain(`default-src 'none'`);
    expect(policy).toContain(`connect-src 'self'`);
    expect(policy).not.toMatch(/unsafe|https?:/);
    const css = (await textOf('/docs/swagger-ui.css')) + (await textOf('/docs/docs.css'));
    expect(css).not.toMatch(/@import|url\(["']?(?!["']?data:)/);
    expect(await textOf('/docs/docs.js')).toContain('validatorUrl: null');
  });

  it('is not sent again to a browser that has it', async () => {
    const first = await app.request('/docs/swagger-ui-bundle.js');
    const again = await app.request('/docs/swagger-ui-bundle.js', {
      headers: { 'if-none-match': first.headers.get('etag') as string },
    });
    expect(again.status).toBe(304);
    expect(await again.text()).toBe('');
  });

  it('is installed without reporting it: the package would tell its makers', () => {
    const { scarfSettings, allowScripts } = JSON.parse(
      readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    );
    expect([scarfSettings.enabled, allowScripts['@scarf/scarf']]).toEqual([false, false]);
  });
});
