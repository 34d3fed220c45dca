import { request } from 'node:http';
import { hostname } from 'node:os';
import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase } from '../support/database.ts';
import { realVision } from '../support/pipeline.ts';
import { type Api, admit, expectProblem, idleProcess, listen } from './support.ts';

describe('the header Host', () => {
  let api: Api;
  beforeAll(async () => {
    const database = await freshDatabase();
    const vision = await realVision();
    const process = await idleProcess(database, vision, 'resting');
    api = await listen(database, vision, process, { hosts: ['watchpost.example'] });
    await admit(database, api);
  });

  /** The status of a call whose address and Host differ, as after DNS rebinding. */
  const statusFor = (host: string, path = '/v1/cameras') =>
    new Promise<number>((resolve, reject) => {
      const headers = { host, authorization: `Bearer ${api.key}` };
      request(new URL(path, api.url), { headers }, (response) => {
        response.resume();
        resolve(response.statusCode as number);
      })
        .on('error', reject)
        .end();
    });

  it.each([
    ...['127.0.0.1', '127.0.0.1:3000', '[::1]:3000', '10.0.0.7', 'localhost', 'LOCALHOST:3000', 'localhost.'],
    ...[
      'api.localhost',
      'api',
      'watchpost-api:3000',
      hostname(),
      'watchpost.example',
      'Watchpost.Example:8443',
    ],
  ])('may be %s', async (host) => {
    expect(await statusFor(host)).toBe(200);
  });

  it.each([
    'attacker.example',
    '127.0.0.1.attacker.example',
    'sub.watchpost.example',
    'localhost.attacker.example',
  ])('may not be %s, for any path', async (host) => {
    for (const path of ['/v1/cameras', '/console', '/openapi.json', '/healthz'])
      expect(await statusFor(host, path), path).toBe(421);
  });

  it('that is refused is a problem that says what to do', async () => {
    const { port } = new URL(api.url);
    const answer = await new Promise<string>((resolve, reject) => {
      request({ port, path: '/v1/cameras', headers: { host: 'attacker.example' } }, async (response) => {
        resolve((await response.toArray()).join(''));
      })
        .on('error', reject)
        .end();
    });
    expect(JSON.parse(answer)).toMatchObject({
      code: 'host_refused',
      status: 421,
      hint: expect.stringMatching(/WATCHPOST_HOSTS/),
    });
  });
});

describe('every answer', () => {
  it('says that its type is the one that it names, and a face is kept by no cache', async () => {
    const database = await freshDatabase();
    const vision = await realVision();
    const api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
    await admit(database, api);
    for (const path of [
      '/v1/cameras',
      '/v1/none',
      '/healthz',
      '/console',
      '/openapi.json',
      '/v1/faces/x/crop',
    ])
      expect((await api.call('GET', path)).headers.get('x-content-type-options'), path).toBe('nosniff');
    expectProblem(await api.call('GET', '/v1/faces/x/crop'), 'id_invalid');
  });
});
