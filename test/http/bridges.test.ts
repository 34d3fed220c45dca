import { beforeAll, describe, expect, it } from 'vitest';
import { readCredentials } from '../../src/bridge/credentials.ts';
import { isEncrypted, useEncryptionKey } from '../../src/database/at-rest.ts';
import { bridgeSettings, runBridge, submitSome } from '../bridge/support.ts';
import { watchpost } from '../commands/support.ts';
import { atEnd } from '../support/at-end.ts';
import { programs, startMosquitto } from '../support/brokers.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { realVision } from '../support/pipeline.ts';
import { until } from '../support/until.ts';
import {
  type Answer,
  type Api,
  admit,
  bearer,
  expectProblem,
  idleProcess,
  keyWith,
  listen,
} from './support.ts';

const nobody = '01890000-0000-7000-8000-000000000000';
const credentials = { username: 'watchpost', password: 'hidden-1' };

describe('/v1/bridges', () => {
  let database: TestDatabase;
  let api: Api;
  beforeAll(async () => {
    database = await freshDatabase();
    const vision = await realVision();
    api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
    await admit(database, api);
    await database.rows(
      `insert into watchpost.camera (name, location) values ('gate', 'Gate'), ('yard', 'Yard')`,
    );
  });

  const kafka = { kind: 'kafka', direction: 'out', url: 'kafka://broker.example:9092', address: 'alerts' };
  const add = (body: object, key?: string) =>
    api.call('POST', '/v1/bridges', body, key === undefined ? {} : bearer(key));
  const listed = async (name: string) =>
    (await api.call('GET', '/v1/bridges')).body.bridges.find(
      (bridge: { name: string }) => bridge.name === name,
    );
  const recorded = async (id: string) =>
    (
      await database.rows(
        `select payload->>'change' as change, payload->>'by' as by from watchpost.event
         where topic = 'bridge.changed' and subject_id = $1 order by id`,
        [id],
      )
    ).map(({ change, by }) => `${change} by ${by}`);
  const stored = (id: string) => readCredentials(database, { id });
  const counted = async () =>
    (
      await database.rows(
        `select (select count(*) from watchpost.bridge)::int as bridges, (select count(*) from watchpost.event)::int as events`,
      )
    )[0];

  it('adds one, and shows what it does and never its credentials', async () => {
    const made = await add({
      ...kafka,
      name: 'alerts',
      topics: ['alert.*', 'track.ended'],
      mode: 'binary',
      credentials,
    });
    const expected = {
      ...kafka,
      id: expect.any(String),
      site_id: null,
      name: 'alerts',
      topics: ['alert.*', 'track.ended'],
      mode: 'binary',
      camera: null,
      has_credentials: true,
      enabled: true,
      connected: false,
      connected_at: null,
      error: null,
      published: 0,
      received: 0,
      refused: 0,
      last_at: null,
      position: expect.stringMatching(/^\d+:\d+:/),
      waiting: 0,
      waiting_since: null,
      created_at: expect.any(String),
    };
    expect(made).toMatchObject({ status: 201, body: expected });
    expect(await listed('alerts')).toEqual(made.body);
    expect((await api.call('GET', `/v1/bridges/${made.body.id}`)).body).toEqual(made.body);
    expect(await stored(made.body.id)).toEqual(credentials);
    const everything = await database.rows('select * from watchpost.event, watchpost.bridge_status');
    expect(JSON.stringify([made.body, everything])).not.toContain('hidden-1');
    expectProblem(await add({ ...kafka, name: 'alerts' }), 'name_taken');
    expectProblem(await api.call('GET', `/v1/bridges/${nobody}`), 'bridge_unknown');
  });

  it('does for the API what it does for the command, with the same rows', async () => {
    const environment = { DATABASE_URL: database.url };
    const same = ({ id, name, position, created_at, ...rest }: Record<string, unknown>) => rest;
    const photos = {
      kind: 'rabbitmq',
      direction: 'in',
      url: 'amqp://broker.example',
      address: 'photos',
      camera: 'gate',
    };
    const { body } = await add({ ...photos, name: 'by the API' });
    const from = ['--from', photos.url, '--address', photos.address, '--camera', photos.camera];
    expect((await watchpost(['bridge', 'add', 'by the command', ...from], environment)).code).toBe(0);
    expect(same(await listed('by the command'))).toEqual(same(body));
    const { stdout } = await watchpost(['bridge', 'list', '--json'], environment);
    const shown = JSON.parse(stdout);
    expect(shown).toEqual((await api.call('GET', '/v1/bridges')).body.bridges);
    expect((await watchpost(['bridge', 'disable', 'by the API', 'by the command'], environment)).code).toBe(
      0,
    );
    expect([(await listed('by the API')).enabled, (await listed('by the command')).enabled]).toEqual([
      false,
      false,
    ]);
  });

  it('is changed by the command as by the API', async () => {
    const { body } = await add({ ...kafka, name: 'set', topics: ['alert.*'], credentials });
    const set = (...options: string[]) =>
      watchpost(['bridge', 'set', 'set', ...options], {
        DATABASE_URL: database.url,
        WATCHPOST_BRIDGE_PASSWORD: 'hidden-2',
      });
    const topics = ['--topic', 'alert.raised', '--topic', 'track.*'];
    expect(await set('--mode', 'binary', '--address', '{site}.{topic}', ...topics)).toMatchObject({
      code: 0,
    });
    const changed = {
      ...body,
      mode: 'binary',
      address: '{site}.{topic}',
      topics: ['alert.raised', 'track.*'],
    };
    expect(await listed('set')).toEqual(changed);
    expect((await set('--url', 'kafka://elsewhere.example')).stderr).toContain('for another server');
    expect((await set('--address', '{person}')).stderr).toContain('{topic}, {camera} and {site}');
    expect((await set()).stderr).toContain('Say what to change');
    expect(await listed('set')).toEqual(changed);
    await set('--url', 'kafka://elsewhere.example', '--username', 'watchpost');
    expect(await stored(body.id)).toEqual({ username: 'watchpost', password: 'hidden-2' });
    await set('--no-credentials', '--rename', 'set anew');
    expect(await listed('set anew')).toMatchObject({
      id: body.id,
      url: 'kafka://elsewhere.example',
      has_credentials: false,
    });
  });

  it.each([
    [{ name: ' ' }, 'name_invalid'],
    [{ kind: 'pulsar' }, 'body_invalid'],
    [{ direction: 'both' }, 'body_invalid'],
    [{ url: '' }, 'url_invalid'],
    [{ url: 'kafka://user:password@broker.example' }, 'bridge_invalid'],
    [{ url: 'kafka://broker.example:99999' }, 'bridge_invalid'],
    [{ url: 'amqp://broker.example' }, 'bridge_invalid'],
    [{ url: 'https://broker.example' }, 'bridge_invalid'],
    [{ address: '' }, 'token_invalid'],
    [{ address: 'watchpost/{camra}' }, 'bridge_invalid'],
    [{ topics: [] }, 'bridge_invalid'],
    [{ topics: ['*'] }, 'bridge_invalid'],
    [{ topics: Array(101).fill('alert.raised') }, 'bridge_invalid'],
    [{ direction: 'in', topics: ['alert.*'] }, 'bridge_invalid'],
    [{ camera: 'gate' }, 'bridge_invalid'],
    [{ direction: 'in', camera: 'nowhere' }, 'camera_unknown'],
    [{ credentials: {} }, 'bridge_invalid'],
    [{ credentials: { password: 'alone' } }, 'bridge_invalid'],
    [{ credentials: { token: 't', username: 'u' } }, 'bridge_invalid'],
    [{ credentials: { token: '' } }, 'credential_invalid'],
    [{ enabled: false }, 'body_invalid'],
  ] as const)('refuses %o, and makes nothing', async (wrong, code) => {
    const before = await counted();
    expectProblem(await add({ ...kafka, name: 'wrong', ...wrong }), code);
    expect(await counted()).toEqual(before);
  });

  it('changes what is given and leaves the rest, also its position, on record', async () => {
    const { body: made } = await add({ ...kafka, name: 'changing', credentials, from_beginning: true });
    expect(made.waiting).toBe(0);
    expect(made.position).toBe('1:1:');
    const patch = (body: object) => api.call('PATCH', `/v1/bridges/${made.id}`, body);
    expect(await patch({})).toMatchObject({ status: 200, body: made });
    const fields = { name: 'changed', address: 'other', topics: ['camera.changed'], mode: 'binary' };
    const changed = await patch(fields);
    expect(changed).toMatchObject({
      status: 200,
      body: { ...fields, position: '1:1:', has_credentials: true },
    });
    // Both cameras were added before it.
    expect(changed.body.waiting).toBeGreaterThan(0);
    expect(changed.body.waiting_since).not.toBeNull();
    expect(
      (await patch({ url: 'kafkas://broker.example:9092' })).body.code,
      'without TLS or with: another server',
    ).toBe('bridge_invalid');
    const moved = { url: 'kafkas://other.example', credentials: { ...credentials, password: 'hidden-2' } };
    expect((await patch(moved)).body).toMatchObject({ url: moved.url, has_credentials: true });
    expect(await stored(made.id)).toEqual(moved.credentials);
    expect((await patch({ credentials: null })).body.has_credentials).toBe(false);
    expect((await patch({ url: kafka.url })).body.url).toBe(kafka.url);
    expect(await recorded(made.id)).toEqual(
      ['added', 'changed', 'changed', 'credentials replaced', 'credentials removed', 'changed'].map(
        (change) => `${change} by api:environment`,
      ),
    );
  });

  it.each([
    [{ name: 'photos' }, 'name_taken'],
    [{ kind: 'nats' }, 'body_invalid'],
    [{ direction: 'out' }, 'body_invalid'],
    [{ url: null }, 'body_invalid'],
    [{ url: 'mqtt://broker.example:1' }, 'bridge_invalid'],
    [{ url: 'amqp://broker.example' }, 'bridge_invalid'],
    [{ topics: ['alert.*'] }, 'bridge_invalid'],
    [{ camera: 'nowhere' }, 'camera_unknown'],
    [{ credentials: { password: 'x' } }, 'bridge_invalid'],
  ] as const)('refuses to change %o, and changes nothing else', async (wrong, code) => {
    const photos = {
      kind: 'mqtt',
      direction: 'in',
      url: 'mqtt://broker.example',
      address: 'photos',
      credentials,
    };
    if (!(await listed('photos'))) await add({ ...photos, name: 'photos' });
    if (!(await listed('snapshots'))) await add({ ...photos, name: 'snapshots', camera: 'gate' });
    const before = await listed('snapshots');
    expectProblem(
      await api.call('PATCH', `/v1/bridges/${before.id}`, { address: 'elsewhere', ...wrong }),
      code,
    );
    expect(await listed('snapshots')).toEqual(before);
  });

  it('takes the camera of photos away, and gives another', async () => {
    const { id } = await listed('snapshots');
    const patch = async (camera: string | null) =>
      (await api.call('PATCH', `/v1/bridges/${id}`, { camera })).body.camera;
    expect([await patch('yard'), await patch(null), await patch('gate')]).toEqual(['yard', null, 'gate']);
  });

  it('disables, enables and removes one, records who did it, and frees its name', async () => {
    const { body: made } = await add({ ...kafka, name: 'moody', credentials });
    const post = (verb: string) => api.call('POST', `/v1/bridges/${made.id}/${verb}`);
    expect([(await post('disable')).status, (await post('disable')).status]).toEqual([204, 204]);
    expect(await listed('moody')).toMatchObject({ enabled: false });
    expect((await post('enable')).status).toBe(204);
    expect(await listed('moody')).toMatchObject({ enabled: true });
    expect((await api.call('DELETE', `/v1/bridges/${made.id}`)).status).toBe(204);
    expectProblem(await post('enable'), 'bridge_unknown');
    expect(await database.rows('select from watchpost.bridge_secret where id = $1', [made.id])).toEqual([]);
    expect(await recorded(made.id)).toEqual(
      ['added', 'disabled', 'enabled', 'removed'].map((change) => `${change} by api:environment`),
    );
    expect((await add({ ...kafka, name: 'moody' })).status).toBe(201);
  });

  it('stores credentials encrypted where encryption is on', async () => {
    atEnd(() => useEncryptionKey(undefined));
    useEncryptionKey(Buffer.alloc(32, 7));
    const { body: made } = await add({ ...kafka, name: 'sealed', credentials });
    const secret = async () =>
      (await database.rows('select secret from watchpost.bridge_secret where id = $1', [made.id]))[0].secret;
    expect(isEncrypted(await secret())).toBe(true);
    await api.call('PATCH', `/v1/bridges/${made.id}`, { credentials: { token: 'hidden-3' } });
    expect(isEncrypted(await secret())).toBe(true);
    expect(await stored(made.id)).toEqual({ token: 'hidden-3' });
    useEncryptionKey(undefined);
  });

  it('is for keys that see all of their site: those of a camera or a list see none and add none', async () => {
    const [site] = await database.rows(`insert into watchpost.site (name) values ('south') returning id`);
    const [camera] = await database.rows(`select id from watchpost.camera where name = 'gate'`);
    const [list] = await database.rows(
      `insert into watchpost.watchlist (name) values ('wanted') returning id`,
    );
    const administer = { scopes: ['administer'] as const };
    const { key: ofSite } = await keyWith(database, { ...administer, sites: [site.id] });
    const own = await add({ ...kafka, name: 'alerts', credentials, from_beginning: true }, ofSite);
    expect(own).toMatchObject({ status: 201, body: { site_id: site.id, position: '1:1:' } });
    const call = (method: string, path = '', body?: object) =>
      api.call(method, `/v1/bridges/${own.body.id}${path}`, body, bearer(ofSite));
    expect((await call('PATCH', '', { credentials: { token: 'hidden-4' } })).status).toBe(200);
    expect(await stored(own.body.id)).toEqual({ token: 'hidden-4' });
    expect((await call('POST', '/disable')).status).toBe(204);
    const seenBy = async (key: string): Promise<Answer> =>
      api.call('GET', '/v1/bridges', undefined, bearer(key));
    expect((await seenBy(ofSite)).body.bridges.map(({ id }: { id: string }) => id)).toEqual([own.body.id]);
    expect((await call('DELETE')).status).toBe(204);
    for (const bound of [{ cameras: [camera.id] }, { watchlists: [list.id] }]) {
      const { key } = await keyWith(database, { ...administer, ...bound });
      expect((await seenBy(key)).body.bridges).toEqual([]);
      expectProblem(await add({ ...kafka, name: 'all events' }, key), 'right_missing');
    }
    const { key: reader } = await keyWith(database, { scopes: ['read'] });
    expectProblem(await seenBy(reader), 'scope_missing');
  });

  it.skipIf(!programs.mosquitto)(
    'shows since when the broker is connected, what went out, what waits and what is wrong (needs mosquitto)',
    async () => {
      const broker = await startMosquitto();
      const url = `mqtt://127.0.0.1:${broker.port}`;
      const out = {
        kind: 'mqtt',
        direction: 'out',
        url,
        address: 'watchpost/{topic}',
        topics: ['image.received'],
      };
      const { body: made } = await add({ ...out, name: 'live' });
      const bridge = runBridge(database);
      const status = async () => (await api.call('GET', `/v1/bridges/${made.id}`)).body;
      const untilStatus = (is: (now: Record<string, unknown>) => boolean) =>
        until(async () => {
          const now = await status();
          return is(now) && now;
        }, 30);
      await untilStatus(({ connected }) => connected === true);
      await submitSome(database, 3);
      const live = await untilStatus(({ published, waiting }) => published === 3 && waiting === 0);
      expect(live).toMatchObject({
        error: null,
        connected_at: expect.any(String),
        last_at: expect.any(String),
      });
      expect(live.position).not.toBe(made.position);
      await broker.crash();
      await untilStatus(({ connected, error }) => connected === false && error !== null);
      await submitSome(database, 2);
      const away = await status();
      expect(away).toMatchObject({
        connected_at: null,
        published: 3,
        waiting: 2,
        waiting_since: expect.any(String),
      });
      await broker.start();
      await untilStatus(({ published, error }) => published === 5 && error === null);
      await bridge.stop();
      expect(await status()).toMatchObject({ connected: false, connected_at: null });
      const tested = await watchpost(['bridge', 'test', 'live'], {
        DATABASE_URL: database.url,
        ...bridgeSettings,
      });
      expect(tested.code, tested.stderr).toBe(0);
    },
  );
});
