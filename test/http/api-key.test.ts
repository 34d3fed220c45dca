import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { provideFirstKey } from '../../src/http/first-key.ts';
import { rotateKey } from '../../src/http/key-store.ts';
import type { Vision } from '../../src/vision/index.ts';
import { atEnd } from '../support/at-end.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';
import { openRaw, readAnswer } from '../support/raw-call.ts';
import { until } from '../support/until.ts';
import {
  type Api,
  admit,
  ask,
  bearer,
  expectProblem,
  idleProcess,
  keyWith,
  listen,
  type Process,
} from './support.ts';

let database: TestDatabase;
let vision: Vision;
let idle: Process;
let api: Api;

beforeAll(async () => {
  database = await freshDatabase();
  vision = await realVision();
  idle = await idleProcess(database, vision, 'resting');
  api = await listen(database, vision, idle);
  await admit(database, api);
});

const list = (key: string, at = api) => ask(`${at.url}/v1/cameras`, 'GET', undefined, bearer(key));
/** A server that has not looked up any key yet. */
const another = () => listen(database, vision, idle);
const stored = async (id: string) =>
  (await database.rows('select * from watchpost.api_key where id = $1', [id]))[0];

describe('every call under /v1', () => {
  const calls = [
    ['POST', '/v1/images'],
    ['GET', '/v1/images/1'],
    ['GET', '/v1/faces/1/crop'],
    ['POST', '/v1/persons'],
    ['POST', '/v1/persons/1/photos'],
    ['GET', '/v1/watchlists'],
    ['PUT', '/v1/watchlists/1/persons/1'],
    ['GET', '/v1/cameras'],
    ['GET', '/v1/alerts'],
    ['POST', '/v1/tasks/detect'],
    ['GET', '/v1/what-is-not-there'],
  ] as const;

  it.each(calls)('needs a key: %s %s', async (method, path) => {
    const missing = await ask(`${api.url}${path}`, method);
    expect(expectProblem(missing, 'key_missing').hint).toMatch(/Bearer.*watchpost key create/);
    expect(missing.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expectProblem(await ask(`${api.url}${path}`, method, undefined, bearer('a-wrong-key')), 'key_invalid');
  });

  it('accepts the key as a bearer token, in any case, or as X-API-Key, and nothing else', async () => {
    const get = (headers: Record<string, string>) => ask(`${api.url}/v1/cameras`, 'GET', undefined, headers);
    expect((await get(bearer(api.key))).status).toBe(200);
    expect((await get({ authorization: `bearer ${api.key}` })).status).toBe(200);
    expect((await get({ 'x-api-key': api.key })).status).toBe(200);
    expectProblem(await get({ authorization: `Basic ${btoa(`api:${api.key}`)}` }), 'key_missing');
    expectProblem(await get({ authorization: 'Bearer ' }), 'key_missing');
    expectProblem(await get(bearer(api.key.slice(0, -1))), 'key_invalid');
  });

  it.each(['', 'Authorization: Bearer a-wrong-key\r\n'])(
    'is cut off before its body has come, if it has no valid key: %j',
    async (header) => {
      const raw = await openRaw(api.url);
      raw.write(`POST /v1/images HTTP/1.1\r\nHost: a\r\n${header}Content-Length: 50000000\r\n\r\n`);
      const [piece, taken] = [Buffer.alloc(1_000_000), { pieces: 0 }];
      for (let n = 0; n < 50; n++) raw.socket.write(piece, (error) => (taken.pieces += error ? 0 : 1));
      const answer = readAnswer(await raw.closed);
      expectProblem(answer, header ? 'key_invalid' : 'key_missing');
      expect(answer.headers.get('connection')).toBe('close');
      expect(taken.pieces).toBeLessThan(50);
    },
  );

  it('is recorded under the name of its key, with the time of its latest use', async () => {
    const { id, name, key } = await keyWith(database, { scopes: ['submit'] });
    const post = () =>
      ask(`${api.url}/v1/images`, 'POST', sample(4), { ...bearer(key), 'content-type': 'image/jpeg' });
    const { status, body } = await post();
    expect(status).toBe(202);
    const rows = await database.rows('select submitted_by from watchpost.image where id = $1', [body.id]);
    expect(rows).toEqual([{ submitted_by: `api:${name}` }]);

    const used = await until(async () => (await stored(id)).last_used_at);
    await post();
    await list(key, await another());
    expect((await stored(id)).last_used_at).toEqual(used);
    await database.rows(
      `update watchpost.api_key set last_used_at = now() - interval '61 seconds' where id = $1`,
      [id],
    );
    await list(key, await another());
    await until(async () => (await stored(id)).last_used_at >= used);
  });
});

describe('a key that is not valid any more', () => {
  it('is refused within seconds by a server that trusts it, and at once by another, with the reason', async () => {
    const { id, key } = await keyWith(database);
    expect((await list(key)).status).toBe(200);
    await database.rows('select watchpost.revoke_key($1)', [id]);
    expect(expectProblem(await list(key, await another()), 'key_invalid').detail).toBe(
      'This API key was revoked.',
    );
    await until(async () => (await list(key)).status === 401);
  });

  it('is one that has expired', async () => {
    const { id, key } = await keyWith(database, { expires_at: new Date(Date.now() + 60_000).toISOString() });
    expect((await list(key)).status).toBe(200);
    await database.rows('update watchpost.api_key set expires_at = now() where id = $1', [id]);
    expect(expectProblem(await list(key, await another()), 'key_invalid').detail).toMatch(/has expired/);
  });

  it('is trusted no longer than it is valid', async () => {
    const lasting = async (ms: number): Promise<{ id: string; key: string }> => {
      const made = await keyWith(database);
      await database.rows(
        `update watchpost.api_key set expires_at = clock_timestamp() + $2 * interval '1 ms' where id = $1`,
        [made.id, ms],
      );
      // On a busy machine it may have ended before its first call.
      return (await list(made.key)).status === 200 ? made : lasting(2 * ms);
    };
    const { id, key } = await lasting(500);
    await until(async () => {
      const [{ over }] = await database.rows(
        'select expires_at <= clock_timestamp() as over from watchpost.api_key where id = $1',
        [id],
      );
      return over;
    });
    expect((await list(key)).status).toBe(401);
  });

  it('is one that was replaced by a rotation, after the overlap', async () => {
    const { id, key: first } = await keyWith(database);
    const { key: second } = await rotateKey(database.db, id, 3600);
    for (const key of [first, second]) expect((await list(key)).status).toBe(200);
    const { key: third } = await rotateKey(database.db, id, 0);
    const server = await another();
    expect((await list(third, server)).status).toBe(200);
    expect(expectProblem(await list(second, server), 'key_invalid').detail).toMatch(/replaced by a rotation/);
    expect(expectProblem(await list(first, server), 'key_invalid').detail).toMatch(/not known/);
  });
});

describe('calls with a wrong key', () => {
  it('are one event at once, and one more for all that follow in a minute, without the keys', async () => {
    const { id: worker } = await idleProcess(database, vision, 'resting');
    const stopping = new AbortController();
    const server = await listen(database, vision, { id: worker, nudge: () => {} }, {}, stopping.signal);
    const events = () =>
      database.rows(
        `select payload from watchpost.event where topic = 'key.refused' and subject_id = $1 order by id`,
        [worker],
      );
    const { id, name, key: revoked } = await keyWith(database);
    await database.rows('select watchpost.revoke_key($1)', [id]);
    const wrong = Array.from({ length: 20 }, () => randomBytes(16).toString('hex'));

    await list(wrong[0]!, server);
    const [first] = await until(async () => {
      const found = await events();
      return found.length > 0 && found;
    });
    expect(first.payload).toMatchObject({ worker_id: worker, refused: { unknown: 1 }, keys: [] });
    for (const key of [...wrong.slice(1), revoked, revoked]) await list(key, server);
    expect(await events()).toHaveLength(1);
    // One without a key, too.
    await ask(`${server.url}/v1/cameras`, 'GET');
    // What is left is written when the process stops.
    stopping.abort();
    const [, second] = await until(async () => {
      const found = await events();
      return found.length > 1 && found;
    });
    expect(second.payload).toMatchObject({ refused: { missing: 1, unknown: 19, revoked: 2 }, keys: [name] });
    const text = JSON.stringify(await events());
    for (const key of [...wrong, revoked]) expect(text).not.toContain(key);
  });
});

describe('the first key', () => {
  let empty: TestDatabase;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'watchpost-keys-'));
    atEnd(() => rm(folder, { recursive: true }));
    empty = await freshDatabase();
  });

  const revoke = (key: string) =>
    empty.rows(
      `select watchpost.revoke_key(id) from watchpost.api_key where sha256 = sha256(convert_to($1, 'UTF8'))`,
      [key],
    );
  const server = async () => listen(empty, vision, await idleProcess(empty, vision, 'resting'));

  it('is made once, in a file that its owner only may read, with all rights', async () => {
    const here = join(folder, 'here');
    const [first, ...others] = await Promise.all(
      Array.from({ length: 20 }, () => provideFirstKey(empty, here)),
    );
    expect(first).toEqual({
      key: expect.stringMatching(/^wp_[\w-]{43}$/),
      file: join(here, 'api-key'),
    });
    expect(others).toEqual(Array(19).fill(first));
    expect(await readdir(here)).toEqual(['api-key']);
    expect(await readFile(first!.file!, 'utf8')).toBe(`${first!.key}\n`);
    expect((await stat(first!.file!)).mode & 0o777).toBe(0o600);
    expect((await stat(here)).mode & 0o777).toBe(0o700);
    expect((await list(first!.key!, await server())).status).toBe(200);
    const [{ text, scopes }] = await empty.rows(
      'select k::text as text, k.scopes from watchpost.api_key as k where revoked_at is null',
    );
    expect(scopes).toEqual(['administer']);
    expect(text).not.toContain(first!.key);
  });

  it('is not made by a process with another folder, as there is one', async () => {
    const there = join(folder, 'there');
    expect(await provideFirstKey(empty, there)).toEqual({ key: undefined, file: undefined });
    await expect(stat(there)).rejects.toMatchObject({ code: 'ENOENT' });
    // A folder that has one, as of a machine that had the database before, keeps it.
    await mkdir(there);
    await writeFile(join(there, 'api-key'), 'a-key-of-another-machine\n');
    const kept = await provideFirstKey(empty, there);
    expect((await list(kept.key!, await server())).status).toBe(200);
  });

  it('is an error if its file is empty', async () => {
    const home = join(folder, 'empty');
    await mkdir(home);
    await writeFile(join(home, 'api-key'), '\n');
    await expect(provideFirstKey(empty, home)).rejects.toThrow(/holds no API key: delete it/);
  });

  it('may be given although it is in a file, and replaces the one given before', async () => {
    const kept = await provideFirstKey(empty, join(folder, 'here'));
    expect(await provideFirstKey(empty, '/nonexistent', kept.key)).toEqual({
      key: kept.key,
      file: undefined,
    });
    await provideFirstKey(empty, '/nonexistent', 'a-first-key-from-the-environment');
    await provideFirstKey(empty, '/nonexistent', 'a-second-key-from-the-environment');
    const at = await server();
    expectProblem(await list('a-first-key-from-the-environment', at), 'key_invalid');
    expect((await list('a-second-key-from-the-environment', at)).status).toBe(200);
    expect((await list(kept.key!, at)).status).toBe(200);
  });

  it('stays revoked or replaced: the next start fails with advice, and makes another one once the file is gone', async () => {
    const home = join(folder, 'here');
    const file = join(home, 'api-key');
    const { key } = await provideFirstKey(empty, home);
    const [{ id }] = await empty.rows(
      `select id from watchpost.api_key where sha256 = sha256(convert_to($1, 'UTF8'))`,
      [key],
    );
    await rotateKey(empty.db, id, 0);
    await expect(provideFirstKey(empty, home)).rejects.toThrow(/replaced by a rotation: delete the file/);
    await rotateKey(empty.db, id, 0);
    await expect(provideFirstKey(empty, home)).rejects.toThrow(/replaced by a rotation/);
    await empty.rows('update watchpost.api_key set revoked_at = now() where revoked_at is null');
    await expect(provideFirstKey(empty, home)).rejects.toThrow(/revoked|replaced/);
    await rm(file);
    const next = await provideFirstKey(empty, home);
    expect(next.key).not.toBe(key);
    expect((await list(next.key!, await server())).status).toBe(200);
    await revoke(next.key!);
    await expect(provideFirstKey(empty, home)).rejects.toThrow(/was revoked: delete the file/);
  });
});
