import { beforeAll, describe, expect, it } from 'vitest';
import { mobilefacenet } from '../../models/manifest.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { realVision } from '../support/pipeline.ts';
import { type Api, admit, expectProblem, idleProcess, listen } from './support.ts';

const unknownId = '01890000-0000-7000-8000-000000000000';

let database: TestDatabase;
let api: Api;

beforeAll(async () => {
  database = await freshDatabase();
  const vision = await realVision();
  api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
  await admit(database, api);
});

describe('/v1/cameras', () => {
  it('adds cameras and lists them by name', async () => {
    const lobby = await api.call('POST', '/v1/cameras', { name: 'lobby', location: 'Ground floor' });
    const gate = await api.call('POST', '/v1/cameras', {
      name: 'gate',
      location: 'North gate',
      zone: 'outside',
      faces: 'far',
    });
    expect([lobby.status, gate.status]).toEqual([201, 201]);
    expect(lobby.body).toEqual({
      id: lobby.body.id,
      name: 'lobby',
      location: 'Ground floor',
      zone: null,
      faces: 'automatic',
      silent_after_seconds: null,
      frames_per_second: null,
      track_gap_seconds: 2,
      still_difference: 5,
      source: null,
      rotation: null,
      frame_width: null,
      region: null,
      site: 'default',
      plan: null,
    });
    const { body } = await api.call('GET', '/v1/cameras');
    expect(body.cameras).toMatchObject([
      { id: gate.body.id, name: 'gate', zone: 'outside', faces: 'far' },
      { id: lobby.body.id, name: 'lobby', zone: null, faces: 'automatic' },
    ]);
  });

  it('takes frames from a source, of which nobody is told the password', async () => {
    const source = 'rtsp://guard:p%40ss@camera.example:8554/stream';
    const settings = {
      frames_per_second: 2.5,
      track_gap_seconds: 3,
      still_difference: 7.5,
      rotation: 270,
      frame_width: 1280,
      region: { x: 0.1, y: 0, width: 0.9, height: 0.5 },
    };
    const made = await api.call('POST', '/v1/cameras', {
      name: 'stream',
      location: 'Stream',
      source,
      ...settings,
    });
    const shown = { source: 'rtsp://camera.example:8554/stream', ...settings };
    expect(made).toMatchObject({ status: 201, body: shown });
    const address = `/v1/cameras/${made.body.id}`;
    const secret = () =>
      database.rows('select userinfo from watchpost.camera_secret where camera_id = $1', [made.body.id]);
    expect(await secret()).toEqual([{ userinfo: 'guard:p%40ss' }]);
    // Another stream of the same server needs no password again; another server does not get it.
    await api.call('PATCH', address, { source: 'rtsp://camera.example:8554/other' });
    expect(await secret()).toHaveLength(1);
    await api.call('PATCH', address, { source: 'rtsp://elsewhere.example/stream' });
    expect(await secret()).toEqual([]);
    await api.call('PATCH', address, { source });
    const none = {
      frames_per_second: null,
      still_difference: null,
      rotation: null,
      frame_width: null,
      region: null,
      source: null,
    };
    expect((await api.call('PATCH', address, none)).body).toMatchObject(none);
    expect(await secret()).toEqual([]);
    const events = await database.rows(
      `select payload::text from watchpost.event where topic = 'camera.changed' and subject_id = $1`,
      [made.body.id],
    );
    expect(events).toHaveLength(5);
    expect(JSON.stringify(events)).toContain('rtsp://camera.example:8554/stream');
    expect(JSON.stringify(events)).not.toMatch(/p%40ss|guard/);
  });

  it('takes the fingerprint of the certificate of a camera, beside user and password', async () => {
    const place = `camera.example#sha256=${Array(32).fill('0A').join(':')}`;
    const camera = { name: 'pinned', location: 'Pinned', source: `rtsps://guard:secret@${place}` };
    const made = await api.call('POST', '/v1/cameras', camera);
    expect(made).toMatchObject({ status: 201, body: { source: `rtsps://${place}` } });
  });

  it.each([
    ['source', 'ftp://camera.example/x', 'url_invalid'],
    ['source', 'rtsp://guard:p/w@camera.example/x', 'url_invalid'],
    ['source', '/dev/../etc/passwd', 'url_invalid'],
    ['source', `rtsp://camera.example/x#sha256=${'0a'.repeat(32)}`, 'url_invalid'],
    ['source', 'rtsps://camera.example/x#sha256=0a', 'url_invalid'],
    ['frames_per_second', 0, 'body_invalid'],
    ['frames_per_second', 61, 'body_invalid'],
    ['track_gap_seconds', 0, 'body_invalid'],
    ['still_difference', 0, 'body_invalid'],
    ['still_difference', 256, 'body_invalid'],
    ['rotation', 45, 'body_invalid'],
    ['frame_width', 63, 'body_invalid'],
    ['region', { x: 0.5, y: 0, width: 0.6, height: 1 }, 'body_invalid'],
  ])('refuses %s %j', async (field, value, code) => {
    const camera = { name: 'refused', location: 'Refused', [field]: value };
    const answer = await api.call('POST', '/v1/cameras', camera);
    expectProblem(answer, code as never);
    expect(JSON.stringify(answer.body)).not.toContain('guard');
  });

  it('refuses a name that is taken, and leaves the first camera as it was', async () => {
    await api.call('POST', '/v1/cameras', { name: 'yard', location: 'Yard' });
    const again = await api.call('POST', '/v1/cameras', { name: 'yard', location: 'Elsewhere' });
    expect(expectProblem(again, 'name_taken').detail).toContain('"yard"');
    const rows = await database.rows(`select location from watchpost.camera where name = 'yard'`);
    expect(rows).toEqual([{ location: 'Yard' }]);
  });

  it('moves a camera, and tells where it was, in the name of the key', async () => {
    const { body: made, headers } = await api.call('POST', '/v1/cameras', {
      name: 'door',
      location: 'Back door',
    });
    const address = `/v1/cameras/${made.id}`;
    expect(headers.get('location')).toBe(address);
    const moved = await api.call('PATCH', address, { location: 'Garage', zone: 'cellar', faces: 'near' });
    const now = { name: 'door', location: 'Garage', zone: 'cellar', faces: 'near' };
    expect(moved).toMatchObject({ status: 200, body: { id: made.id, ...now } });
    expect((await api.call('PATCH', address, { zone: null })).body).toMatchObject({ ...now, zone: null });
    const { body } = await api.call('GET', address);
    expect(body).toMatchObject({ ...now, zone: null });
    expect(body.places[0]).toMatchObject({ since: null, location: 'Back door' });
    expect(body.places.at(-1)).toMatchObject({ until: null, location: 'Garage', zone: null });
    const events = await database.rows(
      `select payload ->> 'change' as change, payload ->> 'by' as by from watchpost.event
       where topic = 'camera.changed' and subject_id = $1 order by id`,
      [made.id],
    );
    const by = expect.stringMatching(/^api:/);
    expect(events).toEqual(['created', 'updated', 'updated'].map((change) => ({ change, by })));
  });

  it('removes a camera: it is unknown from then on, and its name is free', async () => {
    const { body: made } = await api.call('POST', '/v1/cameras', { name: 'brief', location: 'Roof' });
    const address = `/v1/cameras/${made.id}`;
    expect((await api.call('DELETE', address)).status).toBe(204);
    for (const [method, body] of [['GET'], ['PATCH', { location: 'Yard' }], ['DELETE']] as const) {
      expectProblem(await api.call(method, address, body), 'camera_not_there');
    }
    const { body } = await api.call('GET', '/v1/cameras');
    expect(body.cameras.map(({ id }: { id: string }) => id)).not.toContain(made.id);
    expect((await api.call('POST', '/v1/cameras', { name: 'brief', location: 'Roof' })).status).toBe(201);
  });

  it('refuses changes that are not valid, and changes nothing', async () => {
    const { body: made } = await api.call('POST', '/v1/cameras', { name: 'kept', location: 'Hall' });
    const patch = (fields: unknown, id = made.id) => api.call('PATCH', `/v1/cameras/${id}`, fields);
    expectProblem(await patch({ location: '' }), 'name_invalid');
    expectProblem(await patch({ location: null }), 'body_invalid');
    expectProblem(await patch({ locaton: 'Yard' }), 'body_invalid');
    expectProblem(await patch({ faces: 'tiny' }), 'body_invalid');
    await api.call('POST', '/v1/cameras', { name: 'first', location: 'Hall' });
    expectProblem(await patch({ name: 'first' }), 'name_taken');
    expectProblem(await patch({ location: 'Yard' }, 'kept'), 'id_invalid');
    expectProblem(await patch({ location: 'Yard' }, unknownId), 'camera_not_there');
    expect((await api.call('GET', `/v1/cameras/${made.id}`)).body).toMatchObject({
      name: 'kept',
      location: 'Hall',
      places: [{ location: 'Hall' }],
    });
  });
});

describe('/v1/watchlists', () => {
  it('adds a list with the defaults of the schema, or with the given fields', async () => {
    const plain = await api.call('POST', '/v1/watchlists', { name: 'plain' });
    expect(plain.status).toBe(201);
    expect(plain.body).toEqual({
      id: expect.any(String),
      name: 'plain',
      site: 'default',
      purpose: 'unspecified',
      severity: 'warning',
      threshold: 0.5,
      threshold_name: 'default',
      target_fpir: null,
      min_looks: 1,
      min_share: 0,
      cooldown_seconds: 300,
      enabled: true,
      valid_from: null,
      valid_until: null,
      in_force: true,
      reviewers: 1,
      page_retroactive: false,
      color: null,
      sound: 'none',
      must_acknowledge: false,
      cameras: null,
      zones: null,
      version: 1,
      changed_at: expect.any(String),
      persons: 0,
    });
    const about = { name: 'stated', purpose: 'a test', severity: 'critical', threshold: 1, enabled: false };
    const stated = await api.call('POST', '/v1/watchlists', { ...about, cooldown_seconds: 90 });
    expect(stated.body).toMatchObject(about);
    const { body } = await api.call('GET', '/v1/watchlists');
    expect(body.watchlists).toMatchObject([
      { name: 'plain', cooldown_seconds: 300, persons: 0 },
      { ...about, cooldown_seconds: 90, persons: 0 },
    ]);
  });

  it('accepts a threshold by its name, and keeps the name until a number or a rate is given', async () => {
    const { strict, loose } = mobilefacenet.embedder.thresholds;
    const { body: made } = await api.call('POST', '/v1/watchlists', { name: 'by name', threshold: 'strict' });
    expect(made).toMatchObject({ threshold: strict, threshold_name: 'strict', target_fpir: null });
    const patch = async (fields: unknown) =>
      (await api.call('PATCH', `/v1/watchlists/${made.id}`, fields)).body;
    expect(await patch({ purpose: 'kept' })).toMatchObject({ threshold: strict, threshold_name: 'strict' });
    expect(await patch({ threshold: 'loose' })).toMatchObject({ threshold: loose, threshold_name: 'loose' });
    expect(await patch({ threshold: loose }), 'a number stays').toMatchObject({
      threshold: loose,
      threshold_name: null,
    });
    await patch({ threshold: 'strict' });
    expect((await api.call('GET', `/v1/watchlists/${made.id}`)).body).toMatchObject({
      threshold: strict,
      threshold_name: 'strict',
    });
  });

  it('has a color and a sound, and is for some cameras and zones, by name or id', async () => {
    const { body: ramp } = await api.call('POST', '/v1/cameras', {
      name: 'ramp',
      location: 'Ramp',
      zone: 'garage',
    });
    const { body: lift } = await api.call('POST', '/v1/cameras', { name: 'lift', location: 'Lift' });
    const screen = { color: '#d4201a', sound: 'bell', must_acknowledge: true };
    const { status, body: made } = await api.call('POST', '/v1/watchlists', {
      name: 'garage',
      ...screen,
      color: '#D4201A',
      cameras: ['lift'],
      zones: ['garage'],
    });
    expect({ status, made }).toMatchObject({
      status: 201,
      made: { ...screen, cameras: [lift.id], zones: ['garage'] },
    });
    const patch = (fields: unknown) => api.call('PATCH', `/v1/watchlists/${made.id}`, fields);
    const changed = await patch({ cameras: [ramp.id, 'lift'], zones: null, color: null, sound: 'none' });
    expect(changed.body).toMatchObject({
      cameras: [ramp.id, lift.id].sort(),
      zones: null,
      color: null,
      sound: 'none',
      must_acknowledge: true,
    });
    expectProblem(await patch({ cameras: [] }), 'body_invalid');
    expectProblem(await patch({ color: 'red' }), 'body_invalid');
    expectProblem(await patch({ sound: 'siren' }), 'body_invalid');
    expect(expectProblem(await patch({ cameras: ['lfit'] }), 'camera_unknown').hint).toContain('lift');
    expect(expectProblem(await patch({ zones: ['gargae'] }), 'zone_unknown').hint).toContain('garage');
    expect((await api.call('GET', `/v1/watchlists/${made.id}`)).body).toEqual(changed.body);
  });

  it('refuses a name that is taken', async () => {
    await api.call('POST', '/v1/watchlists', { name: 'twice' });
    const again = await api.call('POST', '/v1/watchlists', { name: 'twice' });
    expect(expectProblem(again, 'name_taken').detail).toContain('"twice"');
  });

  it('adds people to a list and removes them; repeating either changes nothing', async () => {
    const { body: list } = await api.call('POST', '/v1/watchlists', { name: 'members' });
    const { body: person } = await api.call('POST', '/v1/persons', { name: 'Ada' });
    const entry = `/v1/watchlists/${list.id}/persons/${person.id}`;
    const members = async () => {
      const { body } = await api.call('GET', '/v1/watchlists');
      return body.watchlists.find(({ id }: { id: string }) => id === list.id).persons;
    };
    for (const [method, count] of [
      ['PUT', 1],
      ['PUT', 1],
      ['DELETE', 0],
      ['DELETE', 0],
    ] as const) {
      expect((await api.call(method, entry)).status).toBe(204);
      expect(await members()).toBe(count);
    }
  });

  it('says whether the list or the person is unknown', async () => {
    const { body: list } = await api.call('POST', '/v1/watchlists', { name: 'lonely' });
    const { body: person } = await api.call('POST', '/v1/persons', { name: 'Grace' });
    const put = (listId: string, personId: string) =>
      api.call('PUT', `/v1/watchlists/${listId}/persons/${personId}`);
    expectProblem(await put(list.id, unknownId), 'person_unknown');
    expectProblem(await put(unknownId, person.id), 'watchlist_unknown');
  });
});

describe('an unexpected error', () => {
  it('is answered as internal, without its cause', async () => {
    await database.rows('alter table watchpost.camera rename column name to moved');
    const answer = await api.call('GET', '/v1/cameras');
    await database.rows('alter table watchpost.camera rename column moved to name');
    expectProblem(answer, 'internal');
    expect(JSON.stringify(answer.body)).not.toMatch(/column|order by|select/i);
    expect((await api.call('GET', '/v1/cameras')).status).toBe(200);
  });
});
