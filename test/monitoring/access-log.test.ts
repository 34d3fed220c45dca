import { pino } from 'pino';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Api, admit, ask, bearer, idleProcess, listen } from '../http/support.ts';
import { freshDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';

describe('the access log', () => {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: (line) => lines.push(JSON.parse(line)) });
  let api: Api;
  let silent: Api;

  beforeAll(async () => {
    const database = await freshDatabase();
    const vision = await realVision();
    const process = await idleProcess(database, vision, 'resting');
    api = await listen(database, vision, process, { accessLog: true }, undefined, { log });
    silent = await listen(database, vision, process, {}, undefined, { log });
    await admit(database, api);
  });

  it('has one line for each call, with its id, key and end, and neither query nor body', async () => {
    const posted = await api.call('POST', '/v1/images?captured_at=2026-01-01T00:00:00Z', sample(1), {
      'content-type': 'image/jpeg',
      'request-id': 'call-1',
    });
    expect(posted.status).toBe(202);
    await ask(`${api.url}/v1/cameras`, 'GET', undefined, { 'request-id': 'call-2' });
    await ask(`${api.url}/nothing`, 'GET', undefined, { 'request-id': 'call-3' });
    const facts = { msg: 'access', ms: expect.any(Number), from: '127.0.0.1', method: 'GET', actor: null };
    expect(lines).toMatchObject([
      {
        ...facts,
        request_id: 'call-1',
        method: 'POST',
        path: '/v1/images',
        status: 202,
        actor: expect.any(String),
      },
      { ...facts, request_id: 'call-2', path: '/v1/cameras', status: 401 },
      { ...facts, request_id: 'call-3', path: '/nothing', status: 404 },
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/captured_at|test-key-/);
  });

  it('is not there unless it is wanted', async () => {
    lines.length = 0;
    expect((await ask(`${silent.url}/v1/cameras`, 'GET', undefined, bearer(api.key))).status).toBe(200);
    expect(lines).toEqual([]);
  });
});
