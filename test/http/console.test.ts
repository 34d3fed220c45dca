import { readdirSync } from 'node:fs';
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
    const scripts = readdirSync(new URL('../../src/http/console/', import.meta.url)).filter((name) =>
      name.endsWith('.js'),
    );
    // The list grows while it is read, by what each file imports.
    for (const path of needed) {
      const file = await app.request(path);
      for (const [, name] of (await file.clone().text()).matchAll(/from '\.\/([^']+)'/g))
        if (!needed.includes(`/console/${name}`)) needed.push(`/console/${name}`);
      expect(file.status, path).toBe(200);
      expect(file.headers.get('content-type')).toMatch(path.endsWith('.css') ? /css/ : /javascript/);
    }
    expect(needed.toSorted()).toEqual(
      ['console.css', ...scripts].map((name) => `/console/${name}`).toSorted(),
    );
  });

  it('may not load from other servers, and may not be framed', async () => {
    const policy = (await app.request('/console')).headers.get('content-security-policy');
    expect(policy).toContain(`default-src 'none'`);
    expect(policy).toContain(`frame-ancestors 'none'`);
    expect(policy).not.toContain('unsafe');
  });

  it('shows data as text, never as markup', async () => {
    for (const file of readdirSync(new URL('../../src/http/console/', import.meta.url))) {
      const text = await (await app.request(`/console/${file}`)).text();
      expect(text).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/);
    }
  });
});
