import { beforeAll, describe, expect, it } from 'vitest';
import { fieldsOf, queryOf } from '../limits/fuzz/calls.ts';
import { randomOf } from '../limits/fuzz/random.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';
import { fillSite, type MadeSite } from '../support/sites.ts';
import { type Answer, type Api, admit, expectProblem, formOf, idleProcess, listen } from './support.ts';

let database: TestDatabase;
let api: Api;
/** Ids by the resource of the route: of another site, of the key's own site, and of nothing. */
let foreign: Record<string, string>;
let own: Record<string, string>;
const unknown = '01890000-0000-7000-8000-000000000000';
/** The ids that are in rows of the other site only. */
let hidden: ReadonlySet<string>;
/** A key that may do everything at the site north. */
let north: string;

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g;

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

const resourcesOf = async (site: MadeSite, key: string): Promise<Record<string, string>> => {
  const [photo] = await database.rows('select id from watchpost.person_photo where person_id = $1', [
    site.personId,
  ]);
  const [merged] = await database.rows(
    'select id from watchpost.person where site_id = $1 and merged_into is not null',
    [site.siteId],
  );
  const [stranger] = await database.rows(
    `select s.stranger_id from watchpost.stranger_face as s join watchpost.face as f on f.id = s.face_id
     join watchpost.image as i on i.id = f.image_id where i.site_id = $1 and s.stranger_id is not null limit 1`,
    [site.siteId],
  );
  return {
    images: site.imageId,
    faces: site.faceId,
    persons: site.personId,
    photo: photo.id,
    person: site.personId,
    'merged persons': merged.id,
    watchlists: site.watchlistId,
    plans: site.planId,
    cameras: site.cameraId,
    alerts: site.alertId,
    strangers: stranger.stranger_id,
    endpoints: site.endpointId,
    sites: site.siteId,
    keys: key,
  };
};

const makeKey = async (name: string, siteId?: string): Promise<{ id: string; key: string }> => {
  const [made] = await database.rows(
    `select key_id as id, key from watchpost.create_key($1, '{administer}', $2)`,
    [name, siteId === undefined ? null : [siteId]],
  );
  return made;
};

beforeAll(async () => {
  database = await freshDatabase();
  const vision = await realVision();
  api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
  await admit(database, api);
  const before = await idsInDatabase();
  const south = await fillSite(database, 'default', 0);
  const southKey = await makeKey('key of default', south.siteId);
  foreign = await resourcesOf(south, southKey.id);
  const withSouth = await idsInDatabase();
  hidden = new Set([...withSouth].filter((id) => !before.has(id)));
  const site = await fillSite(database, 'north', 2);
  const key = await makeKey('key of north', site.siteId);
  north = key.key;
  // Another key than that which calls, which is not to be revoked.
  own = await resourcesOf(site, (await makeKey('spare of north', site.siteId)).id);
});

const asNorth = (method: string, path: string, body?: unknown) =>
  api.call(method, path, body, { authorization: `Bearer ${north}` });

const textOf = ({ body }: Answer): string =>
  body instanceof Uint8Array ? Buffer.from(body).toString('latin1') : JSON.stringify(body);

/** Expects that nothing of the other site is in an answer, beside what was sent. */
const expectNoHint = (answer: Answer, sent: readonly string[], what: string): void => {
  const text = textOf(answer);
  const ids = (text.match(uuid) ?? []).filter((id) => hidden.has(id) && !sent.includes(id));
  expect(ids, what).toEqual([]);
  expect(text.includes('of default'), what).toBe(false);
  expect(answer.status, what).toBeLessThan(500);
};

const filled = (path: string, ids: Record<string, string>): string => {
  const [, , resource = ''] = path.split('/');
  return path.replace(/:(\w+)/g, (_, parameter: string) => {
    if (parameter === 'task') return 'detect';
    if (path.endsWith('/unmerge')) return ids['merged persons'] ?? unknown;
    return ids[parameter] ?? ids[resource] ?? unknown;
  });
};

let calls = 0;

/** A valid body and query of a route, with these ids in it. */
const contentOf = (route: string, ids: Record<string, string>) => {
  calls += 1;
  const names = {
    'names of cameras': [ids.cameras ?? unknown],
    'names of watchlists': [ids.watchlists ?? unknown],
  };
  const state = { ...Object.fromEntries(Object.entries(ids).map(([name, id]) => [name, [id]])), ...names };
  // The ids that are in the state, and none that does not exist.
  const random = { ...randomOf(1), pick: <T>(from: readonly T[]) => from[0] as T, chance: () => false };
  const supplies = { random, state, photos: [], endpointUrl: 'https://example.com/x', index: calls };
  const fields = fieldsOf[route]?.(supplies as never);
  const query = new URLSearchParams(queryOf[route]?.(supplies as never) ?? {}).toString();
  const body =
    route === 'POST /v1/tasks/:task'
      ? { image_id: ids.images }
      : fields && Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, jsonOr(value)]));
  return { query: query && `?${query}`, body };
};

const jsonOr = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

/** The routes, but the stream, whose answer does not end. */
const routes = () =>
  [...new Set(api.routes.map(({ method, path }) => `${method} ${path}`))].filter(
    (route) => route.includes(' /v1/') && !route.endsWith('/stream') && !route.includes('*'),
  );

/** In a body beside the id of an address that does not exist either. */
const unknownToo = '01890000-0000-7000-8000-000000000001';

const nobody = (id = unknown) => Object.fromEntries(Object.keys(foreign).map((name) => [name, id]));

const photoRoutes = ['POST /v1/images', 'POST /v1/persons/:id/photos'];

const send = (route: string, pathIds: Record<string, string>, ids: Record<string, string>, as = asNorth) => {
  const [method = '', path = ''] = route.split(' ');
  const { query, body } = contentOf(route, ids);
  if (photoRoutes.includes(route)) {
    const fields = (body ?? {}) as Record<string, string>;
    return as(
      method,
      filled(path, pathIds),
      formOf(sample(1), fields.camera ? { camera: fields.camera } : {}),
    );
  }
  return as(method, `${filled(path, pathIds)}${query}`, method === 'GET' ? undefined : body);
};

describe('a key of another site', () => {
  it('is told of each address of this one what it is told of one that does not exist', async () => {
    const tried: string[] = [];
    for (const route of routes()) {
      if (!route.includes(':') || route.includes(':task') || route.includes('calibrations')) continue;
      const asked = await send(route, foreign, nobody(unknownToo));
      const missing = await send(route, nobody(), nobody(unknownToo));
      expectNoHint(asked, Object.values(foreign), route);
      const same = (answer: Answer) =>
        textOf(answer)
          .replace(uuid, 'ID')
          .replaceAll(/"(instance|request_id)":"[^"]*"/g, '');
      expect({ route, status: asked.status, text: same(asked) }).toEqual({
        route,
        status: missing.status,
        text: same(missing),
      });
      // A list that is not there has nobody to be taken off.
      if (asked.status !== 204) expect(asked.status, route).toBeGreaterThanOrEqual(400);
      tried.push(route);
    }
    expect(tried.length).toBeGreaterThan(25);
  });

  it('changes nothing there', async () => {
    const [left] = await database.rows(
      `select
         exists (select from watchpost.camera where id = $1 and removed_at is null) as camera,
         exists (select from watchpost.watchlist where id = $2) as list,
         exists (select from watchpost.person where id = $3 and name = 'person 0 of default') as person,
         exists (select from watchpost.alert where id = $4 and state = 'acknowledged') as alert,
         exists (select from watchpost.endpoint where id = $5 and removed_at is null and enabled) as endpoint,
         exists (select from watchpost.api_key where id = $6 and revoked_at is null) as key,
         exists (select from watchpost.person_photo where id = $7 and removed_at is null) as photo`,
      ['cameras', 'watchlists', 'persons', 'alerts', 'endpoints', 'keys', 'photo'].map(
        (name) => foreign[name],
      ),
    );
    expect(left).toEqual({
      ...{ camera: true, list: true, person: true, alert: true, endpoint: true, key: true, photo: true },
    });
  });

  it('is told of each id in a body or query what it is told of one that does not exist', async () => {
    for (const route of routes()) {
      if (route.startsWith('DELETE') || (!fieldsOf[route] && !queryOf[route] && !route.includes(':task')))
        continue;
      const asked = await send(route, own, foreign);
      const missing = await send(route, own, nobody());
      expectNoHint(asked, Object.values(foreign), route);
      // Not for what a first call changes, like the state of an alert.
      if (asked.status >= 400 && missing.status < 500) expect(asked.status, route).toBe(missing.status);
    }
  });

  it('is told nothing of it by any list, nor by names that are taken there', async () => {
    for (const route of routes()) {
      const [method = '', path = ''] = route.split(' ');
      if (method !== 'GET' || path.includes(':')) continue;
      const answer = await asNorth(method, path);
      expect(answer.status, route).toBe(200);
      expectNoHint(answer, [], route);
    }
    for (const [path, body] of [
      ['/v1/cameras', { name: 'gate of default', location: 'x' }],
      ['/v1/watchlists', { name: 'list of default' }],
      ['/v1/persons', { name: 'x', external_ref: 'ref 0 of default' }],
      ['/v1/endpoints', { name: 'endpoint of default', url: 'https://example.com/y' }],
    ] as const) {
      expect((await asNorth('POST', path, body)).status, path).toBe(201);
    }
  });

  it('hears no alert of it', async () => {
    const ended = new AbortController();
    const response = await fetch(new URL('/v1/alerts/stream', api.url), {
      headers: { authorization: `Bearer ${north}`, 'last-event-id': '1:1:' },
      signal: ended.signal,
    });
    let text = '';
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk).toString();
      if (text.includes('heartbeat')) break;
    }
    ended.abort();
    expect(text).toContain('list of north');
    expect(text).not.toContain('of default');
    expect((text.match(uuid) ?? []).filter((id) => hidden.has(id))).toEqual([]);
  });
});

describe('a key of all sites', () => {
  it('finds what the other did not', async () => {
    for (const route of routes()) {
      if (!route.startsWith('GET') || !route.includes(':') || route.includes('calibrations')) continue;
      if (route.includes('dead-letters')) continue;
      const { status } = await send(route, foreign, foreign, api.call);
      expect({ route, status }).toEqual({ route, status: 200 });
    }
  });
});

describe('/v1/sites', () => {
  it('adds, lists, renames and removes sites', async () => {
    const made = await api.call('POST', '/v1/sites', { name: 'harbour' });
    expect(made).toMatchObject({
      status: 201,
      body: { name: 'harbour', cameras: 0, watchlists: 0, members: [] },
    });
    expect(made.headers.get('location')).toBe(`/v1/sites/${made.body.id}`);
    expectProblem(await api.call('POST', '/v1/sites', { name: 'harbour' }), 'name_taken');
    const camera = { name: 'gate of default', location: 'Quay', site: 'harbour' };
    const added = await api.call('POST', '/v1/cameras', camera);
    expect(added).toMatchObject({ status: 201, body: { site: 'harbour' } });
    expect(await api.call('POST', '/v1/watchlists', { name: 'list', site: made.body.id })).toMatchObject({
      status: 201,
      body: { site: 'harbour' },
    });
    expectProblem(await api.call('POST', '/v1/cameras', { ...camera, site: 'nowhere' }), 'site_unknown');
    expectProblem(await api.call('DELETE', `/v1/sites/${made.body.id}`), 'site_in_use');
    expect(await api.call('PATCH', `/v1/sites/${made.body.id}`, { name: 'port' })).toMatchObject({
      status: 200,
      body: { name: 'port', cameras: 1, watchlists: 1 },
    });
    const empty = await api.call('POST', '/v1/sites', { name: 'empty' });
    expect((await api.call('DELETE', `/v1/sites/${empty.body.id}`)).status).toBe(204);
    const { body } = await api.call('GET', '/v1/sites');
    expect(body.sites.map((site: { name: string }) => site.name)).toEqual(['default', 'north', 'port']);
  });

  it('shows a key its own, and lets it change none', async () => {
    const { body } = await asNorth('GET', '/v1/sites');
    expect(body.sites.map((site: { name: string }) => site.name)).toEqual(['north']);
    expectProblem(await asNorth('POST', '/v1/sites', { name: 'mine' }), 'right_missing');
    expectProblem(await asNorth('PATCH', `/v1/sites/${own.sites}`, { name: 'mine' }), 'right_missing');
    expectProblem(await asNorth('DELETE', `/v1/sites/${own.sites}`), 'right_missing');
  });
});
