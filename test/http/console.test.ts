import { Hono } from 'hono';
import { beforeAll, describe, expect, it } from 'vitest';
import { consolePage } from '../../src/http/console.ts';

describe('the console', () => {
  let app: Hono;
  beforeAll(() => {
    app = new Hono().route('/console', consolePage() as unknown as Hono);
  });

  it('is a page whose every file is served by this server, with its type', async () => {
    const answer = await app.request('/console');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toContain('text/html');
    const html = await answer.text();
    const needed = [...html.matchAll(/(?:src|href)="(\/console\/[^"]+)"/g)].map(([, path]) => path as string);
    const main = await (await app.request('/console/console.js')).text();
    const imported = [...main.matchAll(/from '\.\/([^']+)'/g)].map(([, file]) => `/console/${file}`);
    expect(needed.length + imported.length).toBe(4);
    for (const path of [...needed, ...imported]) {
      const file = await app.request(path);
      expect(file.status, path).toBe(200);
      expect(file.headers.get('content-type')).toMatch(path.endsWith('.css') ? /css/ : /javascript/);
      expect(file.headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  it('may not load from other servers, and may not be framed', async () => {
    const policy = (await app.request('/console')).headers.get('content-security-policy');
    expect(policy).toContain(`default-src 'none'`);
    expect(policy).toContain(`frame-ancestors 'none'`);
    expect(policy).not.toContain('unsafe');
  });

  it('shows data as text, never as markup', async () => {
    for (const file of ['console.js', 'views.js', 'api.js']) {
      const text = await (await app.request(`/console/${file}`)).text();
      expect(text).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/);
    }
  });
});
