import { beforeAll, describe, expect, it } from 'vitest';
import { fieldsOf, photoFields, queryOf, type Supplies } from '../limits/fuzz/calls.ts';
import { randomOf } from '../limits/fuzz/random.ts';
import { wordOf } from '../limits/fuzz/requests.ts';
import { readState, type State } from '../limits/fuzz/state.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';
import { fillSite, type MadeSite } from '../support/sites.ts';
import { type Api, admit, ask, bearer, expectProblem, idleProcess, keyWith, listen } from './support.ts';

/** An operation of /openapi.json. */
interface Operation {
  /** As in `fieldsOf`: `GET /v1/persons/:id`. */
  readonly route: string;
  readonly method: string;
  readonly path: string;
  /** The parameters of the path, and the fields of the query or the body. */
  readonly parameters: readonly string[];
  readonly fields: readonly string[];
}

/** Words of the state whose rows are of no site. */
const ofNoSite = [
  'calibrations',
  'tasks',
  'tasks to pause',
  'kinds of what is kept',
  'payloads',
  'erasures',
  'workers',
  // Whoever has one sees what it leads to.
  'links',
];

/** Fields that name or identify something. */
const names = /^(after|cameras?|watchlists?|persons?|sites?|subject|photo|review|.*_id)$/;

/** What the answers of one route differ in by nature: the times and ids of what it has made. */
const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const time = /\d{4}-\d\d-\d\dT[\d:.]+Z/g;

let database: TestDatabase;
let api: Api;
let operations: readonly Operation[];
let south: MadeSite;
let north: MadeSite;
/** The first of everything, by the words of the state: at the other site, and at the own one. */
let foreign: Record<string, string>;
let own: Record<string, string>;
/** The ids that are in rows of the other site only. */
let hidden: ReadonlySet<string>;

const idsInDatabase = async (): Promise<Set<string>> => {
  const tables = await database.rows(
    `select relname as name from pg_class where relnamespace = 'watchpost'::regnamespace and relkind in ('r', 'p')`,
  );
  const found = new Set<string>();
  for (const { name } of tables) {
    const [{ text }] = (await database.rows(
      `select coalesce(string_agg(to_jsonb(t)::text, ' '), '') as text from watchpost.${name} as t`,
    )) as [{ text: string }];
    for (const id of text.match(uuid) ?? []) found.add(id);
  }
  return found;
};

const readOperations = async (): Promise<Operation[]> => {
  const { body: document } = await ask(`${api.url}/openapi.json`, 'GET');
  const resolved = (schema: { $ref?: string; properties?: object } = {}) =>
    schema.$ref ? document.components.schemas[schema.$ref.split('/').at(-1) as string] : schema;
  return Object.entries(document.paths as Record<string, object>).flatMap(([path, methods]) =>
    // biome-ignore lint/suspicious/noExplicitAny: a document of OpenAPI, which is validated elsewhere.
    Object.entries(methods).map(([method, operation]: [string, any]) => {
      const given = (place: string): string[] =>
        (operation.parameters ?? [])
          .filter((parameter: { in: string }) => parameter.in === place)
          .map((parameter: { name: string }) => parameter.name);
      const bodies = Object.values(operation.requestBody?.content ?? {}) as { schema?: object }[];
      const inBody = bodies.flatMap(({ schema }) => Object.keys(resolved(schema)?.properties ?? {}));
      const pattern = path.replace(/\{(\w+)\}/g, ':$1');
      return {
        route: `${method.toUpperCase()} ${pattern}`,
        method: method.toUpperCase(),
        path: pattern,
        parameters: given('path'),
        fields: [...new Set([...given('query'), ...inBody])],
      };
    }),
  );
};

/** What of a state was not there before: the first of each word. */
const firstNew = (state: State, before: State): Record<string, string> =>
  Object.fromEntries(
    Object.entries(state).flatMap(([word, ids]) => {
      const first = ids.find((id) => !before[word]?.includes(id));
      return first === undefined ? [] : [[word, first]];
    }),
  );

/** Beside what fillSite makes: a key, a delivery, a dead letter. */
const fill = async (name: string, angle: number): Promise<MadeSite> => {
  const site = await fillSite(database, name, angle);
  await keyWith(database, { name: `key of ${name}`, scopes: ['administer'], sites: [site.siteId] });
  await database.rows('insert into watchpost.delivery (endpoint_id, attempt) values ($1, 1)', [
    site.endpointId,
  ]);
  await database.rows(
    `insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms, code, error)
     select e.id, 'detect', 'failed', 5, now(), 1, 'worker_lost', $2
     from watchpost.event as e where e.image_id = $1 and e.topic = 'image.received'`,
    [site.imageId, `error of ${name}`],
  );
  return site;
};

/** The first of everything at a site, and of some what fillSite says: a frame of its camera, the person of a photo. */
const idsAt = async (site: MadeSite, first: Record<string, string>): Promise<Record<string, string>> => {
  const [{ id }] = (await database.rows('select person_id as id from watchpost.person_photo where id = $1', [
    first.photos,
  ])) as [{ id: string }];
  const { siteId: sites, imageId: images, faceId: faces, alertId: alerts, personId: persons } = site;
  return { ...first, sites, images, faces, alerts, persons, 'persons of photos': id };
};

beforeAll(async () => {
  database = await freshDatabase();
  const vision = await realVision();
  api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
  await admit(database, api);
  operations = await readOperations();
  const [empty, idsBefore] = [await readState(database), await idsInDatabase()];
  south = await fill('default', 0);
  const [full, idsAfter] = [await readState(database), await idsInDatabase()];
  hidden = new Set([...idsAfter].filter((id) => !idsBefore.has(id)));
  north = await fill('north', 2);
  own = await idsAt(north, firstNew(await readState(database), full));
  foreign = await idsAt(south, firstNew(full, empty));
});

/** What is of the whole installation: nothing is measured here, and the pipeline is for keys that see all sites. */
const notForThem: Readonly<Record<string, number>> = {
  'GET /metrics': 404,
  'GET /v1/pipeline': 403,
  'GET /v1/seals': 403,
  'GET /v1/seals/comparison': 403,
};

/** An id or a name that does not exist, next to one that does: as a cursor it is at the same place. */
const twinOf = (text: string): string => `${text.slice(0, -1)}${text.endsWith('0') ? '1' : '0'}`;
const twins = () => Object.fromEntries(Object.entries(foreign).map(([word, id]) => [word, twinOf(id)]));

/** The fields of a valid call, with these ids in them. `all`: as many fields as go together. */
const fieldsWith = (route: string, ids: Record<string, string>, all = true): Record<string, string> => {
  const first = <T>(from: readonly T[]) => from[0] as T;
  const supplies: Supplies = {
    random: { ...randomOf(1), pick: first, chance: () => all },
    state: Object.fromEntries(Object.entries(ids).map(([word, id]) => [word, [id]])),
    photos: [],
    endpointUrl: 'https://example.com/x',
    index: 1,
  };
  return { ...queryOf[route]?.(supplies), ...fieldsOf[route]?.(supplies) };
};

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

interface Sent {
  readonly operation: Operation;
  readonly path: Record<string, string>;
  readonly fields: Record<string, string>;
}

/** The body and the query of a call; where a photo is sent, its fields are beside it. */
const contentOf = ({ operation: { route, method }, fields }: Sent): { query: string; body?: unknown } => {
  const inQuery = queryOf[route] !== undefined;
  const query = inQuery ? `?${new URLSearchParams(fields)}` : '';
  const photos = photoFields[route];
  if (photos) {
    const form = new FormData();
    for (const name of photos) form.append(name, new Blob([new Uint8Array(sample(1))]), 'photo.jpg');
    for (const [name, text] of Object.entries(fields)) form.append(name, String(parsed(text)));
    return { query: '', body: form };
  }
  if (method === 'GET' || inQuery || !fieldsOf[route]) return { query };
  const entries = Object.entries(fields).map(([name, text]) => [name, parsed(text)]);
  return { query, body: Object.fromEntries(entries) };
};

/** Sends a call and reads the answer; of a stream, what comes before the first heartbeat. */
const send = async (sent: Sent, key: string): Promise<{ status: number; text: string }> => {
  const { query, body } = contentOf(sent);
  const path = sent.operation.path.replace(/:(\w+)/g, (_, name: string) =>
    encodeURIComponent(sent.path[name] ?? ''),
  );
  if (path.endsWith('/stream')) {
    const ended = new AbortController();
    const response = await fetch(`${api.url}${path}${query}`, {
      headers: { ...bearer(key), 'last-event-id': '1:1:' },
      signal: ended.signal,
    });
    let text = '';
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk).toString();
      if (text.includes('heartbeat')) break;
    }
    ended.abort();
    return { status: response.status, text };
  }
  const answer = await api.call(sent.operation.method, `${path}${query}`, body, bearer(key));
  const text =
    answer.body instanceof Uint8Array
      ? Buffer.from(answer.body).toString('latin1')
      : JSON.stringify(answer.body);
  return { status: answer.status, text };
};

/** An answer without what was sent, and without ids, times and counters of what the call has made. */
const comparable = ({ status, text }: { status: number; text: string }, sent: readonly string[]) => {
  let plain = text.replaceAll(/"(instance|request_id)":"[^"]*"/g, '');
  for (const word of sent)
    plain = plain.replaceAll(word, 'GIVEN').replaceAll(encodeURIComponent(word), 'GIVEN');
  return `${status} ${plain
    .replace(uuid, 'ID')
    .replace(time, 'TIME')
    .replace(/id: [\d:,]+/g, 'id: POSITION')}`;
};

const expectNoHint = (text: string, sent: readonly string[], what: string): void => {
  const ids = (text.match(uuid) ?? []).filter((id) => hidden.has(id) && !sent.includes(id));
  expect(ids, what).toEqual([]);
  const named = sent.reduce((left, word) => left.replaceAll(word, ''), text);
  expect(named.includes('of default'), what).toBe(false);
};

/** What each kind of key cannot see of the other site. */
const kinds = [
  ['a site', () => ({ sites: [north.siteId] }), undefined],
  [
    'a camera',
    () => ({ cameras: [north.cameraId] }),
    ['cameras', 'names of cameras', 'images', 'faces', 'alerts', 'reviews', 'strangers', 'dead-letters'],
  ],
  [
    'a list',
    () => ({ watchlists: [north.watchlistId] }),
    [
      'watchlists',
      'names of watchlists',
      'persons',
      'merged persons',
      'photos',
      'persons of photos',
      'alerts',
      'reviews',
    ],
  ],
] as const;

describe('every operation of /openapi.json', () => {
  it('can be tried: with an id of the other site at each place of its path, and with all fields that it takes', () => {
    for (const { route, path, parameters, fields } of operations) {
      for (const name of parameters) {
        const word = wordOf(path, name);
        if (ofNoSite.includes(word)) continue;
        expect(foreign[word], `${route}: ${word} in test/limits/fuzz/state.ts`).toBeDefined();
        expect(own[word], `${route}: ${word}`).toBeDefined();
      }
      const [asked, other, few, otherFew] = [
        fieldsWith(route, foreign),
        fieldsWith(route, twins()),
        fieldsWith(route, foreign, false),
        fieldsWith(route, twins(), false),
      ];
      const photos = photoFields[route] ?? [];
      const known = [...Object.keys({ ...asked, ...few }), ...photos];
      expect(known, `${route}: its fields in test/limits/fuzz/calls.ts`).toEqual(
        expect.arrayContaining([...fields]),
      );
      const identifying = fields.filter((name) => names.test(name) && !photos.includes(name));
      const same = identifying.filter((name) => asked[name] === other[name] && few[name] === otherFew[name]);
      const noSite = ['GET /v1/calibrations', 'GET /v1/erasures', 'GET /v1/seals', 'GET /v1/workers'];
      if (!noSite.includes(route)) expect(same, `${route}: ids from the state`).toEqual([]);
    }
    expect(operations.length).toBeGreaterThan(60);
  });
});

describe.each(kinds)('a key that is bound to %s', (_, bound, words) => {
  let key: string;
  let reach: Record<string, string>;
  beforeAll(async () => {
    ({ key } = await keyWith(database, { scopes: ['administer'], ...bound() }));
    reach = Object.fromEntries(
      Object.entries(foreign).filter(([word]) => words?.includes(word as never) ?? !ofNoSite.includes(word)),
    );
  });

  /** The places of a call where something of the other site can be named, each with the ids for it. */
  const places = (operation: Operation) => {
    const { route, path, parameters } = operation;
    const withIds = (ids: Record<string, string>): Sent => ({
      operation,
      path: Object.fromEntries(
        parameters.map((name) => {
          const word = wordOf(path, name);
          return [
            name,
            ids[word] ??
              { tasks: 'detect', 'tasks to pause': 'heads', 'kinds of what is kept': 'image' }[word] ??
              ids.images ??
              '',
          ];
        }),
      ),
      fields: fieldsWith(route, ids),
    });
    const mine = withIds(own);
    const theirs = withIds({ ...own, ...reach });
    const nobodys = withIds({
      ...own,
      ...Object.fromEntries(Object.keys(reach).map((word) => [word, twinOf(reach[word] as string)])),
    });
    const named = ['path', 'fields'] as const;
    return named.flatMap((part) =>
      Object.keys(theirs[part])
        .filter((name) => theirs[part][name] !== nobodys[part][name])
        .map((name) => ({
          what: `${route}, ${name}`,
          asked: { ...mine, [part]: { ...mine[part], [name]: theirs[part][name] } } as Sent,
          missing: { ...mine, [part]: { ...mine[part], [name]: nobodys[part][name] } } as Sent,
        })),
    );
  };

  it('is told of everything at another site what it is told of something that does not exist', async () => {
    const tried: string[] = [];
    for (const operation of operations) {
      for (const { what, asked, missing } of places(operation)) {
        const sent = [...Object.values(foreign), ...Object.values(twins())];
        const answer = await send(asked, key);
        expectNoHint(answer.text, sent, what);
        const expected = comparable(await send(missing, key), sent);
        expect(`${what}: ${comparable(answer, sent)}`).toBe(`${what}: ${expected}`);
        expect(answer.status, what).toBeLessThan(500);
        tried.push(what);
      }
    }
    expect(tried.length).toBeGreaterThan(words ? 20 : 60);
  });

  it('is shown nothing of it by any list', async () => {
    for (const operation of operations) {
      if (operation.method !== 'GET' || operation.parameters.length > 0) continue;
      // Of a browser, and for who watches over machines: not for keys.
      if (/ \/(session|metrics)/.test(operation.route)) continue;
      const answer = await send({ operation, path: {}, fields: {} }, key);
      expect(answer.status, operation.route).toBe(notForThem[operation.route] ?? 200);
      if (!words) expectNoHint(answer.text, [], operation.route);
      for (const [word, id] of Object.entries(reach)) {
        expect(answer.text.includes(id), `${operation.route}: ${word}`).toBe(false);
      }
    }
  });

  it.skipIf(words !== undefined)('is told nothing by names that are taken there', async () => {
    for (const [path, body] of [
      ['/v1/cameras', { name: 'gate of default', location: 'x' }],
      ['/v1/watchlists', { name: 'list of default' }],
      ['/v1/persons', { name: 'x', external_ref: 'ref 0 of default' }],
      ['/v1/endpoints', { name: 'endpoint of default', url: 'https://example.com/y' }],
      [
        '/v1/bridges',
        {
          name: 'bridge of default',
          kind: 'nats',
          direction: 'in',
          url: 'nats://b.example',
          address: 'photos',
        },
      ],
    ] as const) {
      expect((await api.call('POST', path, body, bearer(key))).status, path).toBe(201);
    }
  });

  it('has changed nothing there', async () => {
    const [left] = await database.rows(
      `select
         exists (select from watchpost.camera where id = $1 and removed_at is null) as camera,
         exists (select from watchpost.watchlist where id = $2) as list,
         exists (select from watchpost.person where id = $3 and name = 'person 0 of default') as person,
         exists (select from watchpost.alert where id = $4 and state = 'acknowledged') as alert,
         exists (select from watchpost.endpoint where id = $5 and removed_at is null and enabled and name = 'endpoint of default') as endpoint,
         exists (select from watchpost.bridge where id = $8 and removed_at is null and enabled and name = 'bridge of default') as bridge,
         exists (select from watchpost.api_key where id = $6 and revoked_at is null) as key,
         exists (select from watchpost.person_photo where id = $7 and removed_at is null) as photo`,
      [
        south.cameraId,
        south.watchlistId,
        south.personId,
        south.alertId,
        south.endpointId,
        foreign.keys,
        foreign.photos,
        foreign.bridges,
      ],
    );
    expect(Object.values(left)).toEqual(Object.keys(left).map(() => true));
  });
});

describe('a key of everything', () => {
  it('finds what the others did not', async () => {
    for (const operation of operations) {
      const { method, path, parameters, route } = operation;
      if (method !== 'GET' || parameters.length === 0 || path.includes(':file')) continue;
      const at = Object.fromEntries(parameters.map((name) => [name, foreign[wordOf(path, name)] ?? '']));
      const { status, text } = await send({ operation, path: at, fields: {} }, api.key);
      // What was stored as a photo is none.
      const code = route.endsWith('/annotated') ? 415 : 200;
      expect({ route, status, text: status === code || text }).toEqual({ route, status: code, text: true });
    }
  });
});

describe('the evidence of an alert', () => {
  it('is made for a key of its site, with the photo and the crops, and sealed', async () => {
    const { key } = await keyWith(database, { scopes: ['read'], sites: [north.siteId] });
    const path = `/v1/alerts/${north.alertId}/evidence`;
    const { status, body, headers } = await api.call('GET', path, undefined, bearer(key));
    expect(status).toBe(200);
    expect(headers.get('watchpost-head')).toMatch(/^\d+ [0-9a-f]{64} /);
    const zip = Buffer.from(body).toString('latin1');
    for (const name of ['frame.bin', 'faces/seen-1.jpg', 'alert.json']) expect(zip, name).toContain(name);
    const [{ actor }] = (await database.rows(
      `select actor from watchpost.access where action = 'evidence' and subject_id = $1`,
      [north.alertId],
    )) as [{ actor: string }];
    expect(actor).toMatch(/^api:key /);
  });
});

describe('an erasure by a key of a site', () => {
  let keys: Record<'north' | 'south', string>;
  beforeAll(async () => {
    const keyOf = async ({ siteId }: MadeSite) =>
      (await keyWith(database, { scopes: ['administer'], sites: [siteId] })).key;
    keys = { north: await keyOf(north), south: await keyOf(south) };
  });
  const erase = (what: string, id: string, key: string) =>
    api.call('POST', `/v1/${what}/${id}/erasure`, {}, bearer(key));

  it('is refused for a person of another site, also while they are on a list of its own', async () => {
    expectProblem(await erase('persons', south.personId, keys.north), 'person_unknown');
    expectProblem(await erase('images', south.imageId, keys.north), 'image_unknown');
    const entry = [north.watchlistId, south.personId];
    await database.rows(
      'insert into watchpost.watchlist_entry (watchlist_id, person_id) values ($1, $2)',
      entry,
    );
    const [photo] = await database.rows('select image_id from watchpost.person_photo where person_id = $1', [
      south.personId,
    ]);
    expectProblem(await erase('persons', south.personId, keys.north), 'right_missing');
    expectProblem(await erase('images', photo.image_id, keys.north), 'right_missing');
    await database.rows(
      'delete from watchpost.watchlist_entry where watchlist_id = $1 and person_id = $2',
      entry,
    );
    expect(await database.rows('select from watchpost.person where id = $1', [south.personId])).toHaveLength(
      1,
    );
    expect(await database.rows('select from watchpost.erasure')).toEqual([]);
  });

  it('leaves a receipt that its site sees, and no other', async () => {
    const { body: receipt, status } = await erase('persons', north.personId, keys.north);
    expect(status).toBe(200);
    expect(receipt).toMatchObject({ subject_id: north.personId, counts: { person: 1 } });
    const again = await erase('persons', north.personId, keys.north);
    expect(again.body).toMatchObject({ id: receipt.id, proof_key: null });
    expectProblem(await erase('persons', north.personId, keys.south), 'person_unknown');
    const listed = async (key: string) =>
      (await api.call('GET', '/v1/erasures', undefined, bearer(key))).body.erasures.map(
        ({ id }: { id: string }) => id,
      );
    expect(await listed(keys.north)).toEqual([receipt.id]);
    expect(await listed(keys.south)).toEqual([]);
    const [{ visible }] = (await database.rows(
      `select has_column_privilege('watchpost_api', 'watchpost.erasure', 'key', 'select') as visible`,
    )) as [{ visible: boolean }];
    expect(visible).toBe(false);
  });
});
