import { beforeAll, describe, expect, it } from 'vitest';
import type { ProblemCode } from '../../src/errors.ts';
import { type LimitName, limits } from '../../src/limits.ts';
import { type Answer, type Api, admit, expectProblem, formOf, idleProcess, listen } from '../http/support.ts';
import { freshDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';
import { openRaw, readAnswer } from '../support/raw-call.ts';

/** Limits that the API enforces. Those of connections, photos and searches are tested in other files. */
type ApiLimit = {
  [Name in LimitName]: 'api' extends (typeof limits)[Name]['at'][number] ? Name : never;
}[LimitName];
type OfPhotos = 'photoSide' | 'photoAspect' | 'photoPixels' | 'decodedBytes' | 'photoScans';
type OfConnections =
  | 'bytesInFlight'
  | 'bodySeconds'
  // Of a photo by its URL: test/http/photo-by-url.test.ts.
  | 'fetchSeconds'
  | 'headersSeconds'
  | 'silentSeconds'
  | 'keepAliveSeconds'
  | 'connections'
  | 'streams'
  | 'streamsPerKey';

type OfSearches = 'searchesAtATime' | 'searchesWaiting' | 'facesSearched' | 'facesCompared';

/** A call with the largest value and its expected answer, and one with a little more, which is refused. */
interface Case {
  readonly largest: () => Promise<Answer>;
  readonly becomes: number | [ProblemCode, RegExp];
  readonly beyond: () => Promise<Answer>;
  readonly words: RegExp;
}

let api: Api;
beforeAll(async () => {
  const database = await freshDatabase();
  const vision = await realVision();
  api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
  await admit(database, api);
  await database.rows(`insert into watchpost.camera (name, location) values ('gate', 'North gate')`);
});

let made = 0;
/** An unused name of this many characters outside the Basic Multilingual Plane. */
const characters = (count: number) => String(++made).padEnd(count, 'x').replaceAll('x', '𝔵');
const person = (fields: object) => api.call('POST', '/v1/persons', { name: `Ada ${++made}`, ...fields });
const list = (fields: object) => api.call('POST', '/v1/watchlists', { name: `list ${++made}`, ...fields });
const key = (fields: object) => api.call('POST', '/v1/keys', { name: `key ${++made}`, ...fields });
const json = (path: string, text: string) =>
  api.call('POST', path, text, { 'content-type': 'application/json' });
const photo = (bytes: number) => {
  const jpeg = Buffer.alloc(bytes);
  jpeg.set(sample(4));
  return api.call('POST', '/v1/images', jpeg, { 'content-type': 'image/jpeg' });
};
const form = (fields: Record<string, string>) => api.call('POST', '/v1/images', formOf(sample(4), fields));
const at = (captured_at: string) => form({ captured_at });
const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
const unknownId = '01890000-0000-7000-8000-000000000000';
/** A payload that no event has, with another key in it. */
const payload = (more: string) => json('/v1/tasks/detect', `{"image_id": "${unknownId}", "more": ${more}}`);
const noEvent: Case['becomes'] = ['event_unknown', /No event/];
const soon = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();
const fieldsOf = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`field${index}`, '1']));

const max = <Name extends LimitName>(limit: Name) => limits[limit].max as number;
const cases: Record<Exclude<ApiLimit, OfPhotos | OfConnections | OfSearches>, Case> = {
  photoBytes: {
    largest: () => photo(max('photoBytes')),
    becomes: 202,
    beyond: () => photo(max('photoBytes') + 1),
    words: /20 MB/,
  },
  jsonBytes: {
    largest: () => json('/v1/persons', '{"name": "Ada"}'.padEnd(max('jsonBytes'))),
    becomes: 201,
    beyond: () => json('/v1/persons', '{"name": "Ada"}'.padEnd(max('jsonBytes') + 1)),
    words: /64 kB/,
  },
  tasksBytes: {
    largest: () => json('/v1/tasks/detect', `{"image_id": "${unknownId}"}`.padEnd(max('tasksBytes'))),
    becomes: noEvent,
    beyond: () => json('/v1/tasks/detect', `{"image_id": "${unknownId}"}`.padEnd(max('tasksBytes') + 1)),
    words: /1024 kB/,
  },
  jsonDepth: {
    largest: () => payload(nested(max('jsonDepth') - 1)),
    becomes: noEvent,
    beyond: () => payload(nested(max('jsonDepth'))),
    words: /nested 40 deep/,
  },
  jsonValues: {
    // The outer bracket, the comma before "more", the inner bracket, and the commas in it.
    largest: () => payload(`[${'"[,", '.repeat(max('jsonValues') - 3)}1]`),
    becomes: noEvent,
    beyond: () => payload(`[${'"[,", '.repeat(max('jsonValues') - 2)}1]`),
    words: /10000 values/,
  },
  listItems: {
    largest: () =>
      api.call('POST', '/v1/tasks/detect', Array(max('listItems')).fill({ image_id: unknownId })),
    becomes: noEvent,
    beyond: () =>
      api.call('POST', '/v1/tasks/detect', Array(max('listItems') + 1).fill({ image_id: unknownId })),
    words: /up to 1000/,
  },
  formParts: {
    largest: () => form(fieldsOf(max('formParts') - 1)),
    becomes: ['body_invalid', /no field "field0" here; the fields are camera, captured_at/],
    beyond: () => form(fieldsOf(max('formParts'))),
    words: /20 parts/,
  },
  fieldBytes: {
    largest: () => form({ camera: 'x'.repeat(max('fieldBytes')) }),
    becomes: ['body_invalid', /200 characters at most/],
    beyond: () => form({ camera: 'x'.repeat(max('fieldBytes') + 1) }),
    words: /16384 bytes/,
  },
  nameCharacters: {
    largest: () => person({ name: characters(max('nameCharacters')) }),
    becomes: 201,
    beyond: () => person({ name: characters(max('nameCharacters') + 1) }),
    words: /^name: .*1 to 200 characters/,
  },
  tokenCharacters: {
    largest: () => person({ external_ref: characters(max('tokenCharacters')) }),
    becomes: 201,
    beyond: () => person({ external_ref: characters(max('tokenCharacters') + 1) }),
    words: /^external_ref: .*255/,
  },
  textCharacters: {
    largest: () => list({ purpose: characters(max('textCharacters')) }),
    becomes: 201,
    beyond: () => list({ purpose: characters(max('textCharacters') + 1) }),
    words: /^purpose: .*2000/,
  },
  urlCharacters: {
    largest: () => endpoint('https://a.example/'.padEnd(max('urlCharacters'), 'x')),
    becomes: 201,
    beyond: () => endpoint('https://a.example/'.padEnd(max('urlCharacters') + 1, 'x')),
    words: /^url: .*2000/,
  },
  templateCharacters: {
    largest: () => endpoint('https://a.example/', { text_template: characters(max('templateCharacters')) }),
    becomes: 201,
    beyond: () =>
      endpoint('https://a.example/', { text_template: characters(max('templateCharacters') + 1) }),
    words: /2000 characters/,
  },
  credentialCharacters: {
    largest: () => endpoint('https://a.example/', { credential: characters(max('credentialCharacters')) }),
    becomes: 201,
    beyond: () => endpoint('https://a.example/', { credential: characters(max('credentialCharacters') + 1) }),
    words: /2000 characters/,
  },
  metadataBytes: {
    // Postgres writes {"k": "xxx"}: nine bytes more than the x.
    largest: () => person({ metadata: { k: 'x'.repeat(max('metadataBytes') - 9) } }),
    becomes: 201,
    beyond: () => person({ metadata: { k: 'x'.repeat(max('metadataBytes') - 8) } }),
    words: /^metadata: .*16384/,
  },
  metadataDepth: {
    largest: () => person({ metadata: { k: JSON.parse(nested(max('metadataDepth') - 1)) } }),
    becomes: 201,
    beyond: () => person({ metadata: { k: JSON.parse(nested(max('metadataDepth'))) } }),
    words: /^metadata: .*32 levels/,
  },
  capturedEarliest: {
    largest: () => at(limits.capturedEarliest.min),
    becomes: 202,
    beyond: () => at('1825-12-31T23:59:59.999Z'),
    words: /^captured_at: .*1826/,
  },
  capturedAheadSeconds: {
    largest: () => at(soon(max('capturedAheadSeconds') - 1)),
    becomes: 202,
    beyond: () => at(soon(max('capturedAheadSeconds') + 600)),
    words: /^captured_at: .*future/,
  },
  times: {
    largest: () => list({ valid_until: limits.times.max }),
    becomes: 201,
    beyond: () => list({ valid_until: '9999-12-31T23:59:59.999-00:01' }),
    words: /^valid_until: .*9999/,
  },
  intervalSeconds: {
    largest: () => list({ cooldown_seconds: max('intervalSeconds') }),
    becomes: 201,
    beyond: () => list({ cooldown_seconds: max('intervalSeconds') + 1 }),
    words: /^cooldown_seconds: .*31536000/,
  },
  keyLimits: {
    largest: () => key({ rate_per_minute: max('keyLimits'), max_streams: 1, max_backlog: 1 }),
    becomes: 201,
    beyond: () => key({ rate_per_minute: max('keyLimits') + 1 }),
    words: /^rate_per_minute: .*1000000/,
  },
  headerBytes: {
    largest: () => withHeaders(max('headerBytes')),
    becomes: 200,
    beyond: () => withHeaders(max('headerBytes') + 1),
    words: /16384 bytes/,
  },
};

/** A call whose path, header names and header values have this many bytes together. */
const withHeaders = async (bytes: number): Promise<Answer> => {
  const headers = { host: 'a', connection: 'close', padding: '' };
  const used = '/healthz'.length + Object.entries(headers).flat().join('').length;
  headers.padding = 'x'.repeat(bytes - used);
  const raw = await openRaw(api.url);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  raw.write(`GET /healthz HTTP/1.1\r\n${lines.join('')}\r\n`);
  const answer = readAnswer(await raw.closed);
  // Refused before its path is known.
  if (answer.status !== 200) answer.body.instance ??= '/healthz';
  return answer;
};

const endpoint = (url: string, more: object = {}) =>
  api.call('POST', '/v1/endpoints', { name: `endpoint ${++made}`, url, ...more });

describe('the API accepts the largest value and refuses one more, with the code of the table:', () => {
  it.each(Object.entries(cases))('%s', async (limit, { largest, becomes, beyond, words }) => {
    const { code } = limits[limit as LimitName];
    const taken = await largest();
    if (typeof becomes === 'number') expect([taken.status, taken.body]).toEqual([becomes, taken.body]);
    else expect(expectProblem(taken, becomes[0]).detail).toMatch(becomes[1]);
    expect(expectProblem(await beyond(), code as ProblemCode).detail).toMatch(words);
  });

  it('tokenCharacters, of an Idempotency-Key', async () => {
    const submit = (key: string) =>
      api.call('POST', '/v1/images', sample(4), { 'content-type': 'image/jpeg', 'idempotency-key': key });
    expect((await submit('k'.repeat(max('tokenCharacters')))).status).toBe(202);
    const { detail } = expectProblem(await submit('k'.repeat(max('tokenCharacters') + 1)), 'token_invalid');
    expect(detail).toMatch(/^Idempotency-Key: give 1 to 255/);
  });
});
