import { Agent } from 'node:http';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ProblemCode } from '../../src/errors.ts';
import { send } from '../limits/fuzz/send.ts';
import { emptySky } from '../support/bad-photos.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';
import { type Answer, type Api, admit, expectProblem, formOf, idleProcess, listen } from './support.ts';

const unknownId = '01890000-0000-7000-8000-000000000000';
const limit = 1024 * 1024;

let database: TestDatabase;
let api: Api;

beforeAll(async () => {
  database = await freshDatabase();
  const vision = await realVision();
  api = await listen(database, vision, await idleProcess(database, vision, 'resting'), {
    maxBodyBytes: limit,
    maxPixels: 1_000_000,
  });
  await admit(database, api);
});

/** Expects a call to be refused and to leave no row behind. */
const refused = async (code: ProblemCode, call: Promise<Answer>, words: RegExp): Promise<void> => {
  const { detail, hint } = expectProblem(await call, code);
  expect(`${detail} ${hint ?? ''}`).toMatch(words);
  const [rows] = await database.rows(
    `select (select count(*)::int from watchpost.image) as images, (select count(*)::int from watchpost.person) as people,
            (select count(*)::int from watchpost.watchlist) as lists, (select count(*)::int from watchpost.camera) as cameras`,
  );
  expect(rows).toEqual({ images: 0, people: 0, lists: 0, cameras: 0 });
};

const json = (path: string, body: unknown) => api.call('POST', path, body);
const text = (path: string, body: string, type = 'application/json') =>
  api.call('POST', path, body, { 'content-type': type });

/** Bytes sent in chunks, without a Content-Length. */
const chunked = (size: number) =>
  new ReadableStream({
    start(controller) {
      for (let sent = 0; sent < size; sent += 65_536) controller.enqueue(new Uint8Array(65_536));
      controller.close();
    },
  });

describe('a body', () => {
  it('that is empty has a code of its own, in every form', async () => {
    const jpeg = { 'content-type': 'image/jpeg' };
    await refused('body_empty', api.call('POST', '/v1/images'), /no photo.*JPEG/);
    await refused('body_empty', api.call('POST', '/v1/images', new Uint8Array(0), jpeg), /no photo/);
    await refused('body_empty', json('/v1/images', { image: '' }), /no photo/);
    await refused('body_empty', text('/v1/images', ' '), /JSON/);
    await refused('body_empty', text('/v1/persons', ''), /JSON/);
  });

  it('over the limit is refused with the limit, with a Content-Length and without', async () => {
    const big = { 'content-type': 'image/jpeg' };
    const words = /1 MB.*WATCHPOST_MAX_BODY_MB/;
    await refused('body_too_large', api.call('POST', '/v1/images', new Uint8Array(limit + 1), big), words);
    await refused('body_too_large', api.call('POST', '/v1/images', new Uint8Array(16 * limit), big), words);
    await refused('body_too_large', api.call('POST', '/v1/images', chunked(16 * limit), big), words);
    await refused(
      'body_too_large',
      api.call('POST', '/v1/images', formOf(new Uint8Array(16 * limit))),
      words,
    );
    const base64 = Buffer.alloc(2 * limit).toString('base64');
    await refused('body_too_large', json('/v1/images', { image: base64 }), words);
  });

  it('up to the limit is accepted, also as base64, which is a third longer', async () => {
    const zeros = Buffer.alloc(limit);
    await refused(
      'image_format_unsupported',
      json('/v1/images', { image: zeros.toString('base64') }),
      /JPEG/,
    );
  });

  it('that is not JSON, or not base64, is refused', async () => {
    await refused('body_invalid', text('/v1/images', '{"image": '), /not JSON/);
    await refused('body_invalid', text('/v1/watchlists', 'name=wanted'), /not JSON/);
    await refused('body_invalid', json('/v1/images', { image: 'no, this is not base64!' }), /not base64/);
    for (const image of [`${' '.repeat(limit)}!`, 'AA=A', 'A====']) {
      await refused('body_invalid', json('/v1/images', { image }), /not base64/);
    }
    await refused('body_invalid', json('/v1/images', { photo: 'aGk=' }), /key image/);
    await refused('body_invalid', json('/v1/images', { image: 5 }), /key image/);
    await refused('body_invalid', json('/v1/images', ['aGk=']), /expected record/);
  });

  it('of a form that is malformed or has no file is refused', async () => {
    const broken = text('/v1/images', 'what is this', 'multipart/form-data; boundary=x');
    await refused('body_invalid', broken, /cannot be read/);
    const form = new FormData();
    form.append('image', 'just words');
    await refused('body_invalid', api.call('POST', '/v1/images', form), /image is sent as text/);
  });

  it('of another content type is refused with the types that are accepted', async () => {
    const words = /multipart\/form-data.*image\/jpeg.*application\/json/;
    await refused('media_type_unsupported', text('/v1/images', 'x', 'text/plain'), words);
    const untyped = api.call('POST', '/v1/images', new Uint8Array(9));
    await refused('media_type_unsupported', untyped, /without a type/);
  });

  it('with an unknown key is refused, as it may be misspelt', async () => {
    const image = sample(1).toString('base64');
    await refused('body_invalid', json('/v1/images', { image, camra: 'gate' }), /camra/);
    await refused(
      'body_invalid',
      api.call('POST', '/v1/images', formOf(sample(1), { camra: 'gate' })),
      /camra/,
    );
    const jpeg = { 'content-type': 'image/jpeg' };
    await refused('query_invalid', api.call('POST', '/v1/images?camra=gate', sample(1), jpeg), /camra/);
    await refused('body_invalid', json('/v1/persons', { name: 'Ada', watchlist: 'wanted' }), /watchlist/);
    await refused('body_invalid', json('/v1/watchlists', { name: 'wanted', treshold: 0.5 }), /treshold/);
    await refused('body_invalid', json('/v1/cameras', { name: 'gate', location: 'North', lat: 1 }), /lat/);
    const tiny = { name: 'gate', location: 'North', faces: 'tiny' };
    await refused('body_invalid', json('/v1/cameras', tiny), /^faces: .*"near"\|"automatic"\|"far"/);
  });
});

describe('a value', () => {
  it('that is invalid is refused with the name of its field', async () => {
    for (const threshold of [-0.1, 1.01, '0.5', 'severe', '', null, ['strict']]) {
      await refused('body_invalid', json('/v1/watchlists', { name: 'wanted', threshold }), /^threshold: /);
    }
    await refused(
      'body_invalid',
      json('/v1/watchlists', { name: 'x', severity: 'high' }),
      /^severity: .*critical/,
    );
    await refused('body_invalid', json('/v1/watchlists', { name: '', threshold: 2 }), /name: .*threshold: /);
    await refused('body_invalid', json('/v1/persons', {}), /^name: /);
    await refused('body_invalid', json('/v1/cameras', { name: 'gate' }), /^location: /);
  });

  it('of captured_at must be a time with an offset, not before photography and not in the future', async () => {
    const at = (captured_at: string) => api.call('POST', '/v1/images', formOf(sample(1), { captured_at }));
    const day = 86_400_000;
    for (const time of ['yesterday', '2026-02-30T00:00:00Z', '2026-01-01T00:00:00', '1767225600', '']) {
      await refused('body_invalid', at(time), /^captured_at: .*2026-11-23T15:04:05Z/);
    }
    await refused('time_invalid', at('0000-01-01T00:00:00Z'), /^captured_at: .*1826/);
    await refused('time_invalid', at(new Date(Date.now() + 2 * day).toISOString()), /^captured_at: .*future/);
  });

  it('of text that Postgres cannot store, or nested too deep, is refused and not an error of the server', async () => {
    await refused('body_invalid', json('/v1/persons', { name: 'A\0da' }), /U\+0000/);
    await refused('body_invalid', json('/v1/persons', { name: 'Ada', metadata: { 'k\0': 1 } }), /U\+0000/);
    await refused(
      'body_invalid',
      json('/v1/persons', { name: 'Ada', metadata: { k: '\ud800' } }),
      /surrogate/,
    );
    await refused('query_invalid', api.call('GET', '/v1/alerts?watchlist=%00'), /U\+0000/);
    const deep = `{"name": "Ada", "metadata": {"k": ${'['.repeat(9_999)}${']'.repeat(9_999)}}}`;
    await refused('body_invalid', text('/v1/persons', deep), /nested/);
  });

  it('of more pixels than the limit is refused before they are decoded', async () => {
    // Sample 5 has 2.7 megapixels; this API accepts one.
    await refused('image_too_many_pixels', api.call('POST', '/v1/images', formOf(sample(5))), /limit is 1/);
  });
});

describe('a Host', () => {
  it.each(['9'.repeat(300), 'a b', '[::1'])(
    'of %s is refused, also by a route that reads a body',
    async (host) => {
      const route = { method: 'POST', path: '/v1/watchlists' };
      const call = {
        route,
        method: 'POST',
        path: route.path,
        headers: { host, 'content-type': 'application/json' },
        body: Buffer.from('{"name": "wanted"}'),
      };
      const { status, type, text } = await send(api.url, api.key, call, new Agent());
      expect([status, type]).toEqual([400, 'application/problem+json']);
      expect(JSON.parse(text)).toMatchObject({
        code: 'header_invalid',
        detail: expect.stringMatching(/Host/),
      });
    },
  );
});

describe('an id or address', () => {
  it('that is malformed is refused', async () => {
    for (const path of ['/v1/images/1', '/v1/faces/x/crop', "/v1/persons/'", `/v1/images/${unknownId}0`]) {
      await refused('id_invalid', api.call('GET', path), /is not a UUID/);
    }
    await refused('id_invalid', api.call('PUT', `/v1/watchlists/wanted/persons/${unknownId}`), /"wanted"/);
    await refused('id_invalid', api.call('POST', '/v1/persons/ada/photos', formOf(sample(1))), /"ada"/);
  });

  it('that does not exist is unknown, with a code for each kind', async () => {
    const wait = { prefer: 'wait=30' };
    await refused('image_unknown', api.call('GET', `/v1/images/${unknownId}`), /There is no image 0189/);
    await refused(
      'image_unknown',
      api.call('GET', `/v1/images/${unknownId}`, undefined, wait),
      /no image 0189/,
    );
    await refused('face_unknown', api.call('GET', `/v1/faces/${unknownId}/crop`), /no face 0189/);
    await refused('person_unknown', api.call('GET', `/v1/persons/${unknownId}`), /no person 0189/);
    const photo = formOf(await emptySky());
    await refused(
      'person_unknown',
      api.call('POST', `/v1/persons/${unknownId}/photos`, photo),
      /no person 0189/,
    );
  });

  it('that is not part of the API is answered with problem details too', async () => {
    await refused('route_unknown', api.call('GET', '/v1/photos'), /GET \/v1\/photos/);
    await refused('route_unknown', api.call('DELETE', '/v1/images'), /DELETE \/v1\/images/);
    await refused('route_unknown', api.call('GET', '/photos'), /GET \/photos/);
  });

  it('may end with a slash', async () => {
    expect((await api.call('GET', '/v1/cameras/')).status).toBe(200);
    expect((await api.call('GET', '/docs/')).status).toBe(200);
  });
});
