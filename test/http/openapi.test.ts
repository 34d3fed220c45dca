import { Validator } from '@seriousme/openapi-schema-validator';
import { beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../src/client/index.ts';
import { expectContract } from '../support/contract.ts';
import { freshDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';
import { type Api, admit, ask, idleProcess, listen } from './support.ts';

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly security: readonly Record<string, readonly string[]>[];
  readonly responses: Record<string, { readonly content?: Record<string, object> }>;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
}

let api: Api;
let paths: Record<string, Record<string, Operation>>;

beforeAll(async () => {
  const database = await freshDatabase();
  const vision = await realVision();
  api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
  await admit(database, api);
  ({ paths } = (await ask(`${api.url}/openapi.json`, 'GET')).body);
});

const operations = () =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
  );

describe('/openapi.json', () => {
  it('has every route of the app, and no other', () => {
    const documented = operations().map(({ method, path }) => `${method.toUpperCase()} ${path}`);
    const routes = api.routes
      .filter(({ path }) => !/^\/(console|docs|$)/.test(path))
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);
    expect(documented.toSorted()).toEqual(routes.toSorted());
    expect(routes.length).toBeGreaterThan(45);
  });

  it('is a valid document of OpenAPI 3.1', async () => {
    const { body } = await ask(`${api.url}/openapi.json`, 'GET');
    const validator = new Validator();
    expect(await validator.validate(body)).toEqual({ valid: true });
    expect(validator.version).toBe('3.1');
  });

  it('says of each operation what it is, which scope it needs, and which errors it has', () => {
    expect(new Set(operations().map(({ operationId }) => operationId)).size).toBe(operations().length);
    for (const { path, summary, tags, security, responses } of operations()) {
      expect(summary, path).toMatch(/^[A-Z].*[^.]$/);
      expect(tags, path).toHaveLength(1);
      const [scope] = security[0]?.bearer ?? [];
      expect(scope === undefined, path).toBe(!path.startsWith('/v1'));
      expect(Object.keys(responses['401']?.content ?? {}), path).toEqual(
        scope === undefined && path !== '/session' ? [] : ['application/problem+json'],
      );
    }
    expect(paths['/v1/alerts/{id}/confirm']?.post?.security).toEqual([
      { bearer: ['review'] },
      { key: ['review'] },
      { session: ['review'] },
    ]);
  });

  it('has Idempotency-Key where it is honoured, and streams of events as such', () => {
    expect(paths['/v1/images']?.post?.parameters).toContainEqual(
      expect.objectContaining({ in: 'header', name: 'idempotency-key' }),
    );
    expect(Object.keys(paths['/v1/alerts/stream']?.get?.responses['200']?.content ?? {})).toEqual([
      'text/event-stream',
    ]);
  });
});

describe('an answer', () => {
  const url = '/v1/cameras';
  const type = 'application/json';

  it('of the documented form is accepted', () => {
    expectContract('GET', url, { status: 200, type, body: { cameras: [], next: null } });
  });

  it.each([
    ['a status', 'GET', url, 203, type, { cameras: [], next: null }, /no status 203/],
    ['a media type', 'GET', url, 200, 'text/plain', undefined, /no text\/plain with status 200/],
    ['a field that is missing', 'GET', url, 200, type, { next: null }, /required property 'cameras'/],
    [
      'a field that is not documented',
      'GET',
      url,
      200,
      type,
      { cameras: [], next: null, n: 1 },
      /additional properties/,
    ],
    ['a route', 'GET', '/v1/weather', 200, type, {}, /must have required property/],
  ])('is refused by the tests for %s', (_, method, address, status, media, body, words) => {
    expect(() => expectContract(method, address, { status, type: media, body })).toThrow(words);
  });

  it('is refused by the tests for an error that the route is not documented to have', () => {
    const body = {
      type: 'urn:watchpost:problem:alert-unknown',
      title: 'There is no such alert',
      status: 404,
      code: 'alert_unknown',
      detail: 'There is no alert.',
    };
    const answer = { status: 404, type: 'application/problem+json', body };
    expectContract('GET', '/v1/alerts/1', answer);
    expect(() => expectContract('GET', '/v1/persons/1', answer)).toThrow(/allowed values/);
  });
});

describe('the client', () => {
  it('has typed calls and answers', async () => {
    const client = createClient({ url: api.url, key: api.key });
    const made = await client.v1.watchlists.$post({ json: { name: 'wanted', threshold: 'strict' } });
    expect(made.status).toBe(201);
    const list = await made.json();
    const read = await client.v1.watchlists[':id'].$get({ param: { id: list.id } });
    expect((await read.json()).threshold_name).toBe('strict');
    const page = await client.v1.watchlists.$get({ query: { limit: 1 } });
    const { watchlists, next } = await page.json();
    expect([watchlists.map(({ name }) => name), next]).toEqual([['wanted'], 'wanted']);
    const photo = new File([new Uint8Array(sample(4))], 'photo.jpg', { type: 'image/jpeg' });
    const submitted = await client.v1.images.$post({ form: { image: photo } });
    expect(submitted.status).toBe(202);
    expect(await submitted.json()).toMatchObject({ state: 'received', id: expect.any(String) });
  });

  it('does not compile with a field or a path that there is not', async () => {
    const client = createClient({ url: api.url, key: api.key });
    // @ts-expect-error: it is called severity.
    const answer = await client.v1.watchlists.$post({ json: { name: 'other', severe: true } });
    expect(answer.status).toBe(400);
    // @ts-expect-error: there is no such route.
    expect(client.v1.weather).toBeDefined();
  });
});
