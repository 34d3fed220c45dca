import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Vision } from '../../src/vision/index.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';
import {
  type Answer,
  type Api,
  admit,
  ask,
  bearer,
  expectProblem,
  idleProcess,
  keyWith,
  listen,
} from './support.ts';

let database: TestDatabase;
let vision: Vision;
let api: Api;
let gate: string;
let wanted: string;

beforeAll(async () => {
  database = await freshDatabase();
  vision = await realVision();
  api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
  await admit(database, api);
  const [camera] = await database.rows(
    `insert into watchpost.camera (name, location) values ('gate', 'Gate'), ('door', 'Door') returning id`,
  );
  const [list] = await database.rows(`insert into watchpost.watchlist (name) values ('wanted') returning id`);
  [gate, wanted] = [camera.id, list.id];
});

const make = (fields: object): Promise<Answer> => api.call('POST', '/v1/keys', fields);
const withKey = (key: string, method: string, path: string, body?: unknown) =>
  ask(`${api.url}${path}`, method, body, bearer(key));

describe('/v1/keys', () => {
  it('makes a key that works, shows it once, and lists it without', async () => {
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    const made = await make({
      name: 'north gate camera',
      scopes: ['submit'],
      cameras: ['gate'],
      watchlists: [wanted],
      expires_at,
      rate_per_minute: 600,
      max_streams: 2,
      max_backlog: 50,
    });
    expect(made.status).toBe(201);
    expect(made.headers.get('cache-control')).toBe('no-store');
    const { key, ...listed } = made.body;
    expect(key).toMatch(/^wp_[\w-]{43}$/);
    expect(listed).toMatchObject({
      name: 'north gate camera',
      state: 'valid',
      scopes: ['submit'],
      sites: null,
      cameras: [gate],
      watchlists: [wanted],
      rate_per_minute: 600,
      max_streams: 2,
      max_backlog: 50,
      expires_at,
      created_by: 'api:environment',
      last_used_at: null,
    });
    const location = made.headers.get('location')!;
    expect((await api.call('GET', location)).body).toEqual(listed);
    const all = await api.call('GET', '/v1/keys');
    expect(all.body.keys).toContainEqual(listed);
    expect(JSON.stringify(all.body)).not.toContain('wp_');
    expectProblem(await withKey(key, 'GET', '/v1/cameras'), 'scope_missing');
  });

  it('makes one that may submit and read, if nothing is said', async () => {
    const { body } = await make({ name: 'plain' });
    expect(body).toMatchObject({ scopes: ['read', 'submit'], expires_at: null, rate_per_minute: null });
    expect((await withKey(body.key, 'GET', '/v1/cameras')).status).toBe(200);
    for (const [method, path] of [
      ['GET', '/v1/keys'],
      ['POST', '/v1/keys'],
      ['POST', `/v1/keys/${body.id}/rotate`],
      ['DELETE', `/v1/keys/${body.id}`],
    ] as const) {
      expectProblem(await withKey(body.key, method, path), 'scope_missing');
    }
  });

  it('comes in pages', async () => {
    await make({ name: 'page a' });
    await make({ name: 'page b' });
    const first = await api.call('GET', '/v1/keys?limit=1&after=page');
    expect(first.body).toMatchObject({ keys: [{ name: 'page a' }], next: 'page a' });
    const next = await api.call('GET', `/v1/keys?limit=1&after=${encodeURIComponent(first.body.next)}`);
    expect(next.body.keys).toMatchObject([{ name: 'page b' }]);
  });

  it.each([
    [{}, 'body_invalid'],
    [{ name: 'x', scopes: [] }, 'body_invalid'],
    [{ name: 'x', scopes: ['fly'] }, 'body_invalid'],
    [{ name: 'x', cameras: [] }, 'body_invalid'],
    [{ name: 'x', cameras: ['nowhere'] }, 'camera_unknown'],
    [{ name: 'x', watchlists: ['nobody'] }, 'watchlist_unknown'],
    [{ name: 'x', expires_at: '2020-01-01T00:00:00Z' }, 'time_invalid'],
    [{ name: 'x', rate_per_minute: 1.5 }, 'limit_invalid'],
    [{ name: 'x', key: 'one-of-my-own' }, 'body_invalid'],
    [{ name: 'environment' }, 'name_taken'],
  ] as const)('refuses %j: %s', async (fields, code) => {
    expectProblem(await make(fields), code);
  });

  it('rotates a key, with an overlap, and revokes it for good', async () => {
    const { id, key: before } = await keyWith(database);
    const rotated = await api.call('POST', `/v1/keys/${id}/rotate`, { overlap_seconds: 60 });
    expect(rotated.body).toEqual({ key: expect.stringMatching(/^wp_/), previous_until: expect.any(String) });
    for (const key of [before, rotated.body.key])
      expect((await withKey(key, 'GET', '/v1/cameras')).status).toBe(200);
    const day = await api.call('POST', `/v1/keys/${id}/rotate`);
    const overlap = Date.parse(day.body.previous_until) - Date.parse(rotated.body.previous_until);
    expect(overlap).toBeGreaterThanOrEqual(86_340_000);
    expect((await api.call('GET', `/v1/keys/${id}`)).body.previous_until).toBe(day.body.previous_until);

    expect((await api.call('DELETE', `/v1/keys/${id}`)).status).toBe(204);
    expect((await api.call('DELETE', `/v1/keys/${id}`)).status).toBe(204);
    expect((await api.call('GET', `/v1/keys/${id}`)).body.state).toBe('revoked');
    expectProblem(await api.call('POST', `/v1/keys/${id}/rotate`), 'key_ended');
    const events = await database.rows(
      `select payload ->> 'change' as change, payload ->> 'by' as by from watchpost.event where subject_id = $1 order by id`,
      [id],
    );
    expect(events.slice(1)).toEqual([
      { change: 'rotated', by: 'api:environment' },
      { change: 'rotated', by: 'api:environment' },
      { change: 'revoked', by: 'api:environment' },
    ]);
  });

  it('changes limits, bounds and the end of a key, which is on record, and lifts them', async () => {
    const { id, key } = await keyWith(database, { scopes: ['read'] });
    const before = (await api.call('GET', `/v1/keys/${id}`)).body;
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    const bounds = { cameras: ['gate'], watchlists: ['wanted'], expires_at };
    const limits = { rate_per_minute: 7, max_streams: 1, max_backlog: 3 };
    const changed = await api.call('PATCH', `/v1/keys/${id}`, { ...bounds, ...limits });
    expect(changed.status).toBe(200);
    const becomes = { ...before, ...limits, cameras: [gate], watchlists: [wanted], expires_at };
    expect(changed.body).toEqual(becomes);
    expect((await api.call('GET', `/v1/keys/${id}`)).body).toEqual(becomes);
    const [event] = await database.rows(
      `select payload from watchpost.event where subject_id = $1 order by id desc limit 1`,
      [id],
    );
    expect(event.payload).toMatchObject({
      change: 'updated',
      by: 'api:environment',
      old: { rate_per_minute: null, cameras: null },
      new: { rate_per_minute: 7, cameras: [gate] },
    });
    expect(JSON.stringify(event)).not.toContain('sha256');
    const lifted = await api.call('PATCH', `/v1/keys/${id}`, {
      cameras: null,
      watchlists: null,
      expires_at: null,
      rate_per_minute: null,
      max_streams: null,
      max_backlog: null,
    });
    expect(lifted.body).toEqual(before);
    expect((await withKey(key, 'GET', '/v1/cameras')).status).toBe(200);
  });

  it('changes nothing where a change is refused', async () => {
    const { id } = await keyWith(database);
    const before = (await api.call('GET', `/v1/keys/${id}`)).body;
    const change = (fields: object) => api.call('PATCH', `/v1/keys/${id}`, fields);
    expectProblem(await change({ name: 'another' }), 'body_invalid');
    expectProblem(await change({ scopes: ['administer'] }), 'body_invalid');
    expectProblem(await change({ cameras: [] }), 'body_invalid');
    expectProblem(await change({ max_streams: 2, cameras: ['nowhere'] }), 'camera_unknown');
    expectProblem(await change({ max_streams: 2, expires_at: '2020-01-01T00:00:00Z' }), 'time_invalid');
    expectProblem(await change({ rate_per_minute: 0 }), 'limit_invalid');
    expect((await api.call('GET', `/v1/keys/${id}`)).body).toEqual(before);
    await api.call('DELETE', `/v1/keys/${id}`);
    expectProblem(await change({ max_streams: 2 }), 'key_ended');
  });

  it('lets no key change itself, nor give another more than it has', async () => {
    const boss = await keyWith(database, {
      scopes: ['administer'],
      cameras: ['gate'],
      rate_per_minute: 1000,
    });
    const change = (id: string, fields: object) => withKey(boss.key, 'PATCH', `/v1/keys/${id}`, fields);
    expectProblem(await change(boss.id, { rate_per_minute: null }), 'key_beyond_own');
    const within = await keyWith(database, { cameras: ['gate'] });
    expect((await change(within.id, { rate_per_minute: 5 })).body).toMatchObject({ rate_per_minute: 5 });
    expectProblem(await change(within.id, { cameras: null }), 'key_beyond_own');
    expectProblem(await change(within.id, { cameras: ['door'] }), 'camera_unknown');
    const beyond = await keyWith(database, { cameras: ['gate', 'door'] });
    expectProblem(await change(beyond.id, { rate_per_minute: 5 }), 'key_unknown');
  });

  it('knows no key of another id', async () => {
    const unknown = '/v1/keys/01890000-0000-7000-8000-000000000000';
    expectProblem(await api.call('GET', unknown), 'key_unknown');
    expectProblem(await api.call('DELETE', unknown), 'key_unknown');
    expectProblem(await api.call('POST', `${unknown}/rotate`), 'key_unknown');
    expectProblem(await api.call('GET', '/v1/keys/environment'), 'id_invalid');
  });

  it('hides what is beyond the bounds of the key that asks', async () => {
    const boss = await keyWith(database, { scopes: ['administer'], cameras: ['gate'] });
    const within = await keyWith(database, { cameras: [gate] });
    const beyond = await keyWith(database, { cameras: ['gate', 'door'] });
    const { body } = await withKey(boss.key, 'GET', '/v1/keys');
    const names = body.keys.map(({ name }: { name: string }) => name);
    expect(names).toEqual(expect.arrayContaining([boss.name, within.name]));
    expect(names).not.toContain(beyond.name);
    expect(names).not.toContain('environment');
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/rotate'],
    ] as const) {
      expectProblem(await withKey(boss.key, method, `/v1/keys/${beyond.id}${path}`), 'key_unknown');
    }
    const give = (fields: object) => withKey(boss.key, 'POST', '/v1/keys', fields);
    expectProblem(await give({ name: 'all' }), 'key_beyond_own');
    expectProblem(await give({ name: 'all', cameras: ['door'] }), 'camera_unknown');
    expect((await give({ name: 'mine', cameras: ['gate'], scopes: ['administer'] })).status).toBe(201);
  });
});

describe('a key that is bound to cameras', () => {
  const post = (key: string, query: string) =>
    ask(`${api.url}/v1/images${query}`, 'POST', sample(4), { ...bearer(key), 'content-type': 'image/jpeg' });

  it('submits for those only, and does not learn that there are others', async () => {
    const { key, name } = await keyWith(database, { scopes: ['submit'], cameras: ['gate'] });
    const taken = await post(key, '?camera=gate');
    expect(taken.status).toBe(202);
    expect(
      await database.rows('select camera_id, submitted_by from watchpost.image where id = $1', [
        taken.body.id,
      ]),
    ).toEqual([{ camera_id: gate, submitted_by: `api:${name}` }]);
    expect((await post(key, `?camera=${gate}`)).status).toBe(202);
    for (const camera of ['door', 'nowhere']) {
      const refused = expectProblem(await post(key, `?camera=${camera}`), 'camera_unknown');
      expect(refused).toMatchObject({ detail: `There is no camera '${camera}'.`, hint: 'Cameras: gate.' });
    }
    expectProblem(await post(key, ''), 'camera_required');
    const [{ images }] = await database.rows(
      'select count(*)::int as images from watchpost.image where submitted_by = $1',
      [`api:${name}`],
    );
    expect(images).toBe(2);
  });

  it('leaves other calls on the same connections free of its bounds', async () => {
    const bound = await keyWith(database, { scopes: ['submit'], cameras: ['gate'] });
    const open = await keyWith(database, { scopes: ['submit'] });
    for (let n = 0; n < 5; n++) {
      expect((await post(bound.key, '?camera=gate')).status).toBe(202);
      expect((await post(open.key, '?camera=door')).status).toBe(202);
    }
  });
});

describe('a key that is bound to watchlists', () => {
  it('adds people to those only, and sees and changes whom it has added', async () => {
    const [mine, other] = [randomUUID(), randomUUID()].map((id) => `list ${id}`) as [string, string];
    await database.rows('insert into watchpost.watchlist (name, threshold) values ($1, 0.5), ($2, 0.5)', [
      mine,
      other,
    ]);
    const { key } = await keyWith(database, { scopes: ['enrol', 'read'], watchlists: [mine] });
    const add = (fields: object) => withKey(key, 'POST', '/v1/persons', { name: 'Ada', ...fields });
    const added = await add({ watchlists: [mine] });
    expect(added.status).toBe(201);
    const path = `/v1/persons/${added.body.id}`;
    expect((await withKey(key, 'GET', path)).body).toMatchObject({ name: 'Ada' });
    expect((await withKey(key, 'PATCH', path, { name: 'Ada L.' })).status).toBe(200);
    expectProblem(await add({}), 'watchlist_required');
    expectProblem(await add({ watchlists: [other] }), 'watchlist_unknown');
    expect(await database.rows(`select name from watchpost.person where name like 'Ada%'`)).toEqual([
      { name: 'Ada L.' },
    ]);
  });
});
