import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';
import { until } from '../support/until.ts';
import {
  type Answer,
  type Api,
  admit,
  ask,
  expectProblem,
  formOf,
  idleProcess,
  keyWith,
  listen,
} from './support.ts';

let database: TestDatabase;
let api: Api;
beforeAll(async () => {
  database = await freshDatabase();
  const vision = await realVision();
  api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
  await admit(database, api);
});

const at = (path: string) => new URL(path, api.url);

/** What a browser keeps of an answer: the cookie, and the token of the page. */
const logIn = async (key = api.key, headers: Record<string, string> = {}) => {
  const answer = await ask(at('/session'), 'POST', { key }, headers);
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  const set = answer.headers.get('set-cookie') ?? '';
  const cookie = set.split(';')[0] as string;
  return { body: answer.body, set, cookie, csrf: answer.body.csrf as string };
};

const by = (
  { cookie, csrf }: { cookie: string; csrf?: string },
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> =>
  ask(at(path), method, body, { cookie, ...(csrf === undefined ? {} : { 'x-csrf-token': csrf }) });

describe('a session', () => {
  it('is opened by a key, and does what the key may, in its name', async () => {
    const { name, key } = await keyWith(database, { scopes: ['read', 'enrol'] });
    const session = await logIn(key);
    expect(session.body).toMatchObject({ name, actor: `api:${name}`, sites: null, cameras: null });
    expect(session.body.scopes.toSorted()).toEqual(['enrol', 'read']);
    const made = await by(session, 'POST', '/v1/persons', { name: 'Ada' });
    expect(made.status).toBe(201);
    const added = await by(
      session,
      'POST',
      `/v1/persons/${made.body.id}/photos`,
      formOf(sample(3), { face: '2' }),
    );
    expect(added.status, JSON.stringify(added.body)).toBeLessThan(300);
    const [{ submitted_by }] = await database.rows('select submitted_by from watchpost.image');
    expect(submitted_by).toBe(`api:${name}`);
    expectProblem(await by(session, 'GET', '/v1/keys'), 'scope_missing');
  });

  it('is kept by the browser where no script and no other site reaches it, over https only there', async () => {
    const { set } = await logIn();
    expect(set).toMatch(/^watchpost_session=[\w-]{43};/);
    for (const attribute of ['HttpOnly', 'SameSite=Strict', 'Path=/', 'Max-Age=43200'])
      expect(set).toContain(attribute);
    expect(set).not.toContain('Secure');
    expect((await logIn(api.key, { 'x-forwarded-proto': 'https' })).set).toContain('Secure');
  });

  it('changes nothing for a page that does not know its token', async () => {
    const session = await logIn();
    const other = await logIn();
    for (const csrf of [undefined, '', 'wrong', other.csrf])
      for (const [method, path] of [
        ['POST', '/v1/persons'],
        ['DELETE', '/session'],
      ] as const)
        expectProblem(
          await by({ cookie: session.cookie, ...(csrf === undefined ? {} : { csrf }) }, method, path),
          'csrf_invalid',
        );
    expect((await by({ cookie: session.cookie }, 'GET', '/v1/persons')).status).toBe(200);
    const again = await by({ cookie: session.cookie }, 'GET', '/session');
    expect(again.body.csrf).toBe(session.csrf);
  });

  it('ends when it is closed', async () => {
    const session = await logIn();
    expect((await by(session, 'GET', '/v1/persons')).status).toBe(200);
    const left = await by(session, 'DELETE', '/session');
    expect(left.status).toBe(204);
    expect(left.headers.get('set-cookie')).toMatch(/^watchpost_session=;.*Max-Age=0/);
    expectProblem(await by(session, 'GET', '/v1/persons'), 'session_missing');
    expectProblem(await by(session, 'GET', '/session'), 'session_missing');
    expectProblem(await ask(at('/session'), 'GET'), 'session_missing');
  });

  it('ends with its key, with the secret it was opened with, and by itself', async () => {
    const [expires, rotated, revoked] = await Promise.all(
      [1, 2, 3].map(async () => {
        const { id, key } = await keyWith(database, { scopes: ['read'] });
        return { id, key, session: await logIn(key) };
      }),
    );
    await database.rows(
      `update watchpost.session set expires_at = clock_timestamp() where sha256 = sha256(convert_to($1, 'UTF8'))`,
      [expires!.session.cookie.split('=')[1]],
    );
    // The secret before the rotation is valid for a while, and so is what it has opened.
    await database.rows(`select watchpost.rotate_key($1, '1 hour')`, [rotated!.id]);
    expect((await logIn(rotated!.key)).body.name).toBe(rotated!.session.body.name);
    await database.rows('update watchpost.api_key set previous_until = now() where id = $1', [rotated!.id]);
    await database.rows('select watchpost.revoke_key($1)', [revoked!.id]);
    for (const { session } of [expires!, rotated!, revoked!]) {
      const ended = await until(async () => {
        const answer = await by(session, 'GET', '/session');
        return answer.status !== 200 && answer;
      }, 100);
      expectProblem(ended, 'session_missing');
    }
    expectProblem(await ask(at('/session'), 'POST', { key: revoked!.key }), 'key_invalid');
  });

  it('is stored without what opens it, and those that have ended are removed', async () => {
    const before = await logIn();
    const token = before.cookie.split('=')[1] as string;
    await database.rows('update watchpost.session set expires_at = clock_timestamp()');
    await logIn();
    const rows = await database.rows('select * from watchpost.session');
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain(token);
    for (const role of ['watchpost_reader', 'watchpost_reviewer', 'watchpost_api']) {
      const [{ reads }] = await database.rows(
        `select has_table_privilege($1, 'watchpost.session', 'select') as reads`,
        [role],
      );
      expect([role, reads]).toEqual([role, false]);
    }
  });

  it('is opened by no wrong key', async () => {
    expectProblem(await ask(at('/session'), 'POST', { key: 'wp_wrong' }), 'key_invalid');
    expectProblem(await ask(at('/session'), 'POST', {}), 'body_invalid');
  });
});

describe('a key that is sent counts before a cookie', () => {
  it('so that a program on the same machine is who it says it is', async () => {
    const session = await logIn();
    const { key } = await keyWith(database, { scopes: ['read'] });
    const answer = await ask(at('/v1/keys'), 'GET', undefined, {
      cookie: session.cookie,
      authorization: `Bearer ${key}`,
    });
    expectProblem(answer, 'scope_missing');
  });
});
