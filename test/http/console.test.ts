import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Hono } from 'hono';
import { beforeAll, describe, expect, it } from 'vitest';
import { consolePage } from '../../src/http/console.ts';
import type { Served } from '../../src/http/services.ts';
import { atEnd } from '../support/at-end.ts';

const script = 'const word = "of the console";\n'.repeat(100);

describe('the console', () => {
  let app: Hono<Served>;
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'watchpost-console-'));
    atEnd(() => rm(folder, { recursive: true }));
    await mkdir(join(folder, 'assets'));
    await writeFile(join(folder, 'index.html'), '<!doctype html><title>Watchpost</title>');
    await writeFile(join(folder, 'assets/main-1a2b.js'), script);
    app = consolePage(`${folder}/`);
  });

  it('is one page at every address below it, which is asked for anew each time', async () => {
    for (const path of ['/console', '/console/', '/console/alerts/01a2', '/console/people?name=a']) {
      const answer = await app.request(path);
      expect([path, answer.status]).toEqual([path, 200]);
      expect(answer.headers.get('content-type')).toContain('text/html');
      expect(answer.headers.get('cache-control')).toBe('no-cache');
      expect(await answer.text()).toContain('<title>Watchpost</title>');
    }
  });

  it('has files that are kept for good, as their names change with them, and sent compressed', async () => {
    const answer = await app.request('/console/assets/main-1a2b.js', {
      headers: { 'accept-encoding': 'gzip' },
    });
    expect(answer.headers.get('content-type')).toContain('text/javascript');
    expect(answer.headers.get('cache-control')).toContain('immutable');
    expect(answer.headers.get('content-encoding')).toBe('gzip');
    expect((await app.request('/console/assets/main-0000.js')).status).toBe(404);
    const plain = await app.request('/console/assets/main-1a2b.js');
    expect(await plain.text()).toBe(script);
  });

  it('may not load from other servers nor run or style anything inline, and may not be framed', async () => {
    const policy = (await app.request('/console')).headers.get('content-security-policy');
    expect(policy).toContain(`default-src 'none'`);
    expect(policy).toContain(`frame-ancestors 'none'`);
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
  });

  it('says how to build it where it is not built', async () => {
    const answer = await consolePage('/nonexistent/').request('/console/alerts');
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain('npm run build');
  });
});
