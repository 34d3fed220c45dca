import { beforeAll, describe, expect, it } from 'vitest';
import { raiseAlert } from '../support/alerts.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { realVision } from '../support/pipeline.ts';
import { type Api, admit, expectProblem, idleProcess, listen } from './support.ts';

let database: TestDatabase;
let api: Api;
let seen: { personId: string; face_id: string; image_id: string };

beforeAll(async () => {
  database = await freshDatabase();
  const vision = await realVision();
  api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
  await admit(database, api);
  const { alertId, personId } = await raiseAlert(database);
  const [where] = await database.rows('select image_id, face_id from watchpost.alert_detail where id = $1', [
    alertId,
  ]);
  seen = { personId, ...(where as { image_id: string; face_id: string }) };
});

const crop = (headers: Record<string, string> = {}) =>
  api.call('GET', `/v1/faces/${seen.face_id}/crop`, undefined, headers);
const accesses = async (query = '') => (await api.call('GET', `/v1/access${query}`)).body.accesses;

describe('GET /v1/faces/{id}/crop', () => {
  it('is on record with the key, the person and the reason, counted within a minute, and kept by no cache', async () => {
    const answer = await crop({ 'access-reason': 'review of an alert' });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    await crop({ 'access-reason': 'review of an alert' });
    expect(await accesses('?action=crop')).toEqual([
      {
        id: expect.any(String),
        at: expect.any(String),
        actor: 'api:environment',
        action: 'crop',
        subject: { kind: 'face', id: seen.face_id },
        person_ids: [seen.personId],
        reason: 'review of an alert',
        request_id: expect.any(String),
        details: {},
        times: 2,
        last_at: expect.any(String),
      },
    ]);
  });

  it('of a face that is not there, or with a reason that is too long, shows nothing and leaves no row', async () => {
    const before = await accesses();
    expectProblem(await api.call('GET', `/v1/faces/${seen.image_id}/crop`), 'face_unknown');
    expectProblem(await crop({ 'access-reason': 'x'.repeat(2001) }), 'text_too_long');
    expect(await accesses()).toEqual(before);
  });
});

describe('GET /v1/access', () => {
  it('lists by person, actor, kind, subject and time, page by page', async () => {
    await crop({ 'access-reason': 'another' });
    const all = await accesses(`?person=${seen.personId}`);
    expect(all.length).toBeGreaterThan(1);
    const { body } = await api.call('GET', `/v1/access?person=${seen.personId}&limit=1`);
    expect(body.accesses).toEqual(all.slice(0, 1));
    expect(await accesses(`?person=${seen.personId}&after=${body.next}`)).toEqual(all.slice(1));
    expect(await accesses('?actor=api:nobody')).toEqual([]);
    expect(await accesses(`?subject=${seen.image_id}`)).toEqual([]);
    expect(await accesses('?until=2020-01-01T00:00:00Z')).toEqual([]);
    expectProblem(await api.call('GET', '/v1/access?action=peek'), 'query_invalid');
    expectProblem(await api.call('GET', '/v1/access?persons=x'), 'query_invalid');
  });
});

describe('GET /v1/persons/{id}/report', () => {
  it('has what is stored, the searches and who looked, and is an access itself', async () => {
    const { status, body, headers } = await api.call(
      'GET',
      `/v1/persons/${seen.personId}/report`,
      undefined,
      {
        'access-reason': 'a request of theirs',
      },
    );
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toMatchObject({
      person: { id: seen.personId, legal_basis: 'unspecified' },
      searches: [{ face_id: seen.face_id }],
    });
    expect(body.accesses.at(-1)).toMatchObject({ action: 'report', reason: 'a request of theirs' });
  });

  it('of nobody is refused', async () => {
    expectProblem(await api.call('GET', `/v1/persons/${seen.face_id}/report`), 'person_unknown');
  });
});

describe('/v1/retention', () => {
  it('lists the rules, changes one, and gives a camera one of its own until it is taken back', async () => {
    const camera = (await api.call('POST', '/v1/cameras', { name: 'gate', location: 'Gate' })).body.id;
    const rules = async () => (await api.call('GET', '/v1/retention')).body.rules;
    expect((await rules())[0]).toMatchObject({ relation: 'image', action: 'delete', age_seconds: 172_800 });

    const changed = await api.call('PUT', '/v1/retention/image', { age_seconds: 3600, purpose: 'Thefts' });
    expect(changed.status).toBe(204);
    await api.call('PUT', `/v1/retention/image/cameras/${camera}`, { action: 'keep' });
    expect((await rules()).slice(0, 2)).toMatchObject([
      { camera: null, age: '1 hours', purpose: 'Thefts' },
      { camera: { id: camera, name: 'gate' }, action: 'keep', age_seconds: 3600 },
    ]);
    expect((await api.call('DELETE', `/v1/retention/image/cameras/${camera}`)).status).toBe(204);
    expect((await rules()).filter((rule: { camera: unknown }) => rule.camera)).toEqual([]);
    const [event] = await database.rows(
      `select payload from watchpost.event where topic = 'retention.changed' order by id limit 1`,
    );
    expect(event.payload).toMatchObject({ by: 'api:environment', new: { age: '01:00:00' } });
  });

  it.each([
    ['/v1/retention/alert', {}, 'retention_invalid'],
    ['/v1/retention/event', { action: 'delete' }, 'retention_invalid'],
    ['/v1/retention/image', { age_seconds: -1 }, 'body_invalid'],
    ['/v1/retention/image', { age_seconds: 1e300 }, 'body_invalid'],
    ['/v1/retention/image', { purpose: ' ' }, 'purpose_missing'],
    [
      '/v1/retention/image/cameras/01890a5d-ac96-774b-bcce-b302099a8057',
      { action: 'keep' },
      'camera_not_there',
    ],
    ['/v1/retention', { legal_basis: 'because' }, 'legal_basis_invalid'],
  ] as const)('PUT %s %j is refused as %s', async (path, body, code) => {
    expectProblem(await api.call('PUT', path, body), code);
  });

  it('has the legal basis and purpose of people and lists that are added without one', async () => {
    const set = await api.call('PUT', '/v1/retention', { legal_basis: 'contract', purpose: 'Members' });
    expect(set.body).toEqual({ legal_basis: 'contract', purpose: 'Members' });
    expect((await api.call('POST', '/v1/persons', { name: 'Ada' })).body).toMatchObject({
      legal_basis: 'contract',
      keep_until: null,
    });
    expect((await api.call('POST', '/v1/watchlists', { name: 'members' })).body.purpose).toBe('Members');
    const own = { name: 'Grace', legal_basis: 'consent', keep_until: '2027-01-01T00:00:00.000Z' };
    const { body } = await api.call('POST', '/v1/persons', own);
    expect(body).toMatchObject(own);
    const changed = await api.call('PATCH', `/v1/persons/${body.id}`, { keep_until: null });
    expect(changed.body).toMatchObject({ legal_basis: 'consent', keep_until: null });
    const refused = expectProblem(
      await api.call('POST', '/v1/persons', { name: 'Jo', legal_basis: 'because' }),
      'legal_basis_invalid',
    );
    expectProblem(
      await api.call('PATCH', `/v1/persons/${changed.body.id}`, { legal_basis: 'because' }),
      'legal_basis_invalid',
    );
    expect(refused.detail).toContain('consent, explicit_consent');
    expectProblem(await api.call('POST', '/v1/watchlists', { name: 'x', purpose: '' }), 'purpose_missing');
  });
});
