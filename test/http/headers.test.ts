import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase } from '../support/database.ts';
import { realVision } from '../support/pipeline.ts';
import { type Api, admit, ask, idleProcess, listen } from './support.ts';

let api: Api;

beforeAll(async () => {
  const database = await freshDatabase();
  const vision = await realVision();
  api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
  await admit(database, api);
});

describe('every answer', () => {
  it('is taken as the type that it has, and under /v1 kept by nobody, errors too', async () => {
    const answers = [
      await api.call('GET', '/v1/persons'),
      await api.call('POST', '/v1/persons', { name: 'Ada' }),
      await api.call('GET', '/v1/nowhere'),
      await ask(new URL('/v1/persons', api.url), 'GET'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 201, 404, 401]);
    for (const { headers } of answers)
      expect([headers.get('x-content-type-options'), headers.get('cache-control')]).toEqual([
        'nosniff',
        'no-store',
      ]);
    for (const path of ['/openapi.json', '/healthz', '/docs', '/console', '/nowhere']) {
      const { headers } = await ask(new URL(path, api.url), 'GET');
      expect([path, headers.get('x-content-type-options')]).toEqual([path, 'nosniff']);
    }
  });
});

describe('an ETag', () => {
  const get = (path: string, tag?: string | null) =>
    api.call('GET', path, undefined, tag ? { 'if-none-match': tag } : {});

  it('saves a caller who has the answer from getting it again, until it has changed', async () => {
    const { body: camera } = await api.call('POST', '/v1/cameras', { name: 'gate', location: 'Gate' });
    for (const path of ['/v1/cameras', `/v1/cameras/${camera.id}`, '/openapi.json']) {
      const first = await get(path);
      const tag = first.headers.get('etag');
      expect(tag).toMatch(/^"[0-9a-f]{40}"$/);
      const again = await get(path, tag);
      expect([path, again.status, again.body.length]).toEqual([path, 304, 0]);
      expect(again.headers.get('etag')).toBe(tag);
    }
    const { headers } = await get(`/v1/cameras/${camera.id}`);
    await api.call('PATCH', `/v1/cameras/${camera.id}`, { location: 'North gate' });
    const changed = await get(`/v1/cameras/${camera.id}`, headers.get('etag'));
    expect([changed.status, changed.body.location]).toEqual([200, 'North gate']);
  });

  it('is of no error', async () => {
    const missing = await get('/v1/cameras/01890000-0000-7000-8000-000000000000', '*');
    expect([missing.status, missing.headers.get('etag')]).toEqual([404, null]);
  });
});
