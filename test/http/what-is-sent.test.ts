import { Agent } from 'node:http';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ProblemCode } from '../../src/errors.ts';
import { fieldsOf, photoFields, queryOf } from '../limits/fuzz/calls.ts';
import { randomOf } from '../limits/fuzz/random.ts';
import { send } from '../limits/fuzz/send.ts';
import { atEnd } from '../support/at-end.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';
import { type Answer, type Api, admit, expectProblem, formOf, idleProcess, listen } from './support.ts';

/**
 * Everything that is sent is used or refused, on every route: a field is given once, in the body or, beside a photo, in
 * the query; names that are not known are refused; so is what a route does not take.
 */

const unknownId = '01890000-0000-7000-8000-000000000000';
const taskRoute = 'POST /v1/tasks/:task';
/** Those that store the photo with its fields. */
const photoRoutes = ['POST /v1/images', 'POST /v1/persons/:id/photos'] as const;

let database: TestDatabase;
let api: Api;
let personId: string;

beforeAll(async () => {
  database = await freshDatabase();
  const vision = await realVision();
  api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
  await admit(database, api);
  await database.rows(`insert into watchpost.camera (name, location) values ('gate', 'North gate')`);
  const [ada] = await database.rows(`insert into watchpost.person (name) values ('Ada') returning id`);
  personId = ada.id;
});

/** The path of a route, with ids of nothing; a photo route's person exists. */
const pathOf = (route: string): string =>
  route
    .replace(/^\w+ /, '')
    .replace('/persons/:id/photos', `/persons/${personId}/photos`)
    .replace(':task', 'detect')
    .replace(/:\w+/g, unknownId);
const methodOf = (route: string): string => route.split(' ')[0] as string;

/** A valid body of a route, as JSON text by field. */
const fieldsFor = (route: string): Record<string, string> => {
  const supplies = {
    random: randomOf(1),
    state: { cameras: ['gate'] },
    photos: [],
    endpointUrl: 'https://a.example/',
    index: 1,
  };
  const fields = fieldsOf[route]!(supplies);
  return Object.keys(fields).length > 0 ? fields : { note: '"seen"' };
};
const textOf = (entries: [string, string][]): string =>
  `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
const json = (route: string, entries: [string, string][], query = '') =>
  api.call(methodOf(route), pathOf(route) + query, textOf(entries), { 'content-type': 'application/json' });
const misspelt = (name: string): string => name[0] + name.slice(2);

const photo = JSON.stringify(sample(4).toString('base64'));
const bodyOf = (route: string): [string, string][] => [
  ...(photoFields[route] ?? []).map((name): [string, string] => [name, photo]),
  ...Object.entries(fieldsFor(route)),
];

const counted = async () =>
  database.rows(
    `select (select count(*) from watchpost.image) as images, (select count(*) from watchpost.person) as people,
            (select count(*) from watchpost.watchlist) as lists, (select count(*) from watchpost.camera) as cameras,
            (select count(*) from watchpost.endpoint) as endpoints`,
  );

/** Expects a refusal that leaves no row. */
const refused = async (code: ProblemCode, call: () => Promise<Answer>, words: RegExp): Promise<void> => {
  const before = await counted();
  expect(expectProblem(await call(), code).detail).toMatch(words);
  expect(await counted()).toEqual(before);
};

describe('every route', () => {
  it('is in the tables of the fuzz test with its fields or its query, or takes neither', () => {
    const known = [...Object.keys(fieldsOf), ...Object.keys(queryOf)];
    const routes = api.routes.map(({ method, path }) => `${method} ${path}`);
    expect(known.filter((route) => !routes.includes(route))).toEqual([]);
  });

  it('that takes no query refuses one, with its name', async () => {
    const agent = new Agent();
    atEnd(() => agent.destroy());
    for (const { method, path } of api.routes) {
      const route = `${method} ${path}`;
      if (!path.startsWith('/v1') || queryOf[route] || photoFields[route]) continue;
      const { status, text } = await send(
        api.url,
        api.key,
        {
          route: { method, path },
          method,
          path: `${pathOf(route)}?reason=none`,
          headers: {},
          body: undefined,
        },
        agent,
      );
      expect([route, status, text]).toEqual([route, 400, expect.stringContaining('takes no query')]);
    }
  });

  it('that takes no body refuses one, and takes {} for none', async () => {
    const agent = new Agent();
    atEnd(() => agent.destroy());
    for (const { method, path } of api.routes) {
      const route = `${method} ${path}`;
      if (!path.startsWith('/v1') || fieldsOf[route] || route === taskRoute) continue;
      const call = (body: string) =>
        send(
          api.url,
          api.key,
          {
            route: { method, path },
            method,
            path: pathOf(route),
            headers: { 'content-type': 'application/json' },
            body: Buffer.from(body),
          },
          agent,
        );
      const { status, text } = await call('{"reason": "none"}');
      expect([route, status, JSON.parse(text).code]).toEqual([route, 400, 'body_invalid']);
      if (method !== 'GET')
        expect([route, (await call('{}')).text]).toEqual([
          route,
          expect.not.stringContaining('body_invalid'),
        ]);
    }
  });
});

// Of a task it is the payload of an event.
// What takes a photo and nothing beside it is tested with the plans.
const besides = Object.keys(fieldsOf).filter(
  (route) => ![taskRoute, 'PUT /v1/plans/:id/image'].includes(route),
);
describe.each(besides)('%s', (route) => {
  it('refuses a field that it does not know, and names the one that was probably meant', async () => {
    const [name, value] = Object.entries(fieldsFor(route))[0]!;
    const wrong: [string, string] = [misspelt(name), value];
    const words = new RegExp(`no field "${misspelt(name)}" here; ${name} was probably meant`);
    await refused('body_invalid', () => json(route, [...bodyOf(route), wrong]), words);
  });

  it('refuses a field that it does not know and that is near none, with those there are', async () => {
    const words = new RegExp(
      `no field "xyzzy-plugh" here; the fields are .*${Object.keys(fieldsFor(route))[0]}`,
    );
    await refused('body_invalid', () => json(route, [...bodyOf(route), ['xyzzy-plugh', '1']]), words);
  });

  it('refuses a field that is given twice', async () => {
    const [name, value] = Object.entries(fieldsFor(route))[0]!;
    await refused(
      'field_repeated',
      () => json(route, [...bodyOf(route), [name, value]]),
      new RegExp(`"${name}" is given twice`),
    );
    const escaped = `\\u${name.charCodeAt(0).toString(16).padStart(4, '0')}${name.slice(1)}`;
    const text = textOf([...bodyOf(route), ['escaped', value]]).replace('"escaped"', `"${escaped}"`);
    await refused(
      'field_repeated',
      () => api.call(methodOf(route), pathOf(route), text, { 'content-type': 'application/json' }),
      /is given twice/,
    );
  });
});

it('a key may be given twice in two objects, and in a text', async () => {
  const metadata =
    '{"a": {"k": 1}, "b": {"k": 2}, "text": "\\"k\\": 1, \\"k\\": 2", "list": [{"k": 1}, {"k": 2}]}';
  const answer = await json('POST /v1/persons', [
    ['name', '"Bea"'],
    ['metadata', metadata],
  ]);
  expect([answer.status, answer.body.metadata]).toEqual([201, JSON.parse(metadata)]);
  await refused(
    'field_repeated',
    () =>
      json('POST /v1/persons', [
        ['name', '"Cleo"'],
        ['metadata', '{"k": {"a": 1, "a": 2}}'],
      ]),
    /"a" is given twice/,
  );
});

/** A multipart form, written by hand: what each part says, and its content. */
const form = (
  parts: [head: string, content: Uint8Array | string][],
): { body: Buffer; headers: Record<string, string> } => ({
  body: Buffer.concat([
    ...parts.flatMap(([head, content]) => [
      Buffer.from(`--edge\r\n${head}\r\n\r\n`),
      Buffer.from(content),
      Buffer.from('\r\n'),
    ]),
    Buffer.from('--edge--\r\n'),
  ]),
  headers: { 'content-type': 'multipart/form-data; boundary=edge' },
});
const named = (name: string): string => `Content-Disposition: form-data; name="${name}"`;
const fileIn = (name: string): [string, Uint8Array] => [`${named(name)}; filename="a.jpg"`, sample(4)];

describe.each(photoRoutes)('a photo to %s', (route) => {
  /** What the route stores of its fields. */
  const storedOf = async ({ body }: Answer) =>
    (
      await database.rows(
        `select c.name as camera, i.captured_at, p.chosen_face, p.accept
         from watchpost.image as i
         left join watchpost.camera as c on c.id = i.camera_id
         left join watchpost.person_photo as p on p.image_id = i.id
         where i.id = $1`,
        [body.image_id ?? body.id],
      )
    )[0];
  const words: Record<string, string> =
    route === 'POST /v1/images'
      ? { camera: 'gate', captured_at: '2026-03-04T05:06:07Z' }
      : { face: '2', accept: 'face_small,face_blurred' };
  const stored =
    route === 'POST /v1/images'
      ? { camera: 'gate', captured_at: new Date('2026-03-04T05:06:07Z'), chosen_face: null, accept: null }
      : {
          camera: null,
          captured_at: expect.any(Date),
          chosen_face: 2,
          accept: ['face_small', 'face_blurred'],
        };
  const [first, second] = Object.keys(words) as [string, string];

  const call = (body: unknown, headers: Record<string, string> = {}, query: Record<string, string> = {}) =>
    api.call('POST', `${pathOf(route)}?${new URLSearchParams(query)}`, body, headers);
  const one = (name: string) => ({ [name]: words[name] as string });
  const base64 = sample(4).toString('base64');
  const jpeg = { 'content-type': 'image/jpeg' };

  it.each<[string, () => Promise<Answer>]>([
    ['in the form', () => call(formOf(sample(4), words))],
    ['in the query of a form', () => call(formOf(sample(4)), {}, words)],
    ['in a form and its query', () => call(formOf(sample(4), one(first)), {}, one(second))],
    ['in JSON', () => call({ image: base64, ...words })],
    ['in the query of JSON', () => call({ image: base64 }, {}, words)],
    ['in JSON and its query', () => call({ image: base64, ...one(second) }, {}, one(first))],
    ['in the query of bytes', () => call(sample(4), jpeg, words)],
  ])('has its fields %s', async (_, made) => {
    const answer = await made();
    expect([answer.status, await storedOf(answer)]).toEqual([202, stored]);
  });

  it('is refused with a field in the body and in the query, or twice in one of them', async () => {
    const both = new RegExp(`${first} is in the query and in the body`);
    await refused('field_repeated', () => call(formOf(sample(4), words), {}, one(first)), both);
    await refused('field_repeated', () => call({ image: base64, ...words }, {}, one(first)), both);
    const twice = `${pathOf(route)}?${first}=1&${first}=1`;
    await refused('field_repeated', () => api.call('POST', twice, sample(4), jpeg), /more than once/);
    const repeated = form([fileIn('image'), [named(first), '1'], [named(first), '2']]);
    await refused(
      'field_repeated',
      () => call(repeated.body, repeated.headers),
      new RegExp(`"${first}" twice`),
    );
  });

  it('is refused with a name in the query that is not known', async () => {
    const meant = new RegExp(`no field "${misspelt(first)}" here; ${first} was probably meant`);
    const query = { [misspelt(first)]: '1' };
    await refused('query_invalid', () => call(sample(4), jpeg, query), meant);
    await refused('query_invalid', () => call(formOf(sample(4)), {}, query), meant);
    await refused('query_invalid', () => call({ image: base64 }, {}, query), meant);
    await refused('query_invalid', () => call(formOf(sample(4)), {}, { image: 'a.jpg' }), /no field "image"/);
  });

  it.each<[string, ProblemCode, [string, Uint8Array | string][], RegExp]>([
    ['two photos', 'field_repeated', [fileIn('image'), fileIn('image')], /"image" twice/],
    [
      'a photo and a text in image',
      'field_repeated',
      [fileIn('image'), [named('image'), 'a']],
      /"image" twice/,
    ],
    ['a text in image', 'body_invalid', [[named('image'), 'a']], /image is sent as text/],
    ['a file in another field', 'body_invalid', [fileIn('image'), fileIn(first)], /is sent as a file/],
    [
      'a part that names no field',
      'body_invalid',
      [fileIn('image'), ['Content-Type: text/plain', 'gate']],
      /no name/,
    ],
    [
      'a part that is no field of a form',
      'body_invalid',
      [fileIn('image'), ['Content-Disposition: attachment; name="x"', 'gate']],
      /no name/,
    ],
    [
      'a name that is not known',
      'body_invalid',
      [fileIn('image'), [named(misspelt(first)), '1']],
      /was probably meant/,
    ],
  ])('is refused in a form with %s', async (_, code, parts, sentence) => {
    const { body, headers } = form(parts);
    await refused(code, () => call(body, headers), sentence);
  });
});

it('accept may be a list in JSON, as in the other calls', async () => {
  const answer = await api.call('POST', `/v1/persons/${personId}/photos`, {
    image: sample(5).toString('base64'),
    accept: ['face_small'],
  });
  const [row] = await database.rows('select accept from watchpost.person_photo where id = $1', [
    answer.body.id,
  ]);
  expect([answer.status, row]).toEqual([202, { accept: ['face_small'] }]);
});
