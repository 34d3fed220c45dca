import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { provideApiKey } from '../../src/http/api-key.ts';
import type { Vision } from '../../src/vision/index.ts';
import { atEnd } from '../support/at-end.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';
import { type Api, admit, ask, expectProblem, idleProcess, listen, type Process } from './support.ts';

let database: TestDatabase;
let vision: Vision;
let idle: Process;
let api: Api;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'watchpost-keys-'));
  atEnd(() => rm(folder, { recursive: true }));
  database = await freshDatabase();
  vision = await realVision();
  idle = await idleProcess(database, vision, 'resting');
  api = await listen(database, vision, idle);
  await admit(database, api);
});

const list = (headers: Record<string, string>, at = api) =>
  ask(`${at.url}/v1/cameras`, 'GET', undefined, headers);
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const revoke = (key: string) =>
  database.rows(
    `update watchpost.api_key set revoked_at = now() where sha256 = sha256(convert_to($1, 'UTF8')) returning name`,
    [key],
  );

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
    expect(expectProblem(missing, 'key_missing').hint).toMatch(/Bearer/);
    expect(missing.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expectProblem(await ask(`${api.url}${path}`, method, undefined, bearer('a-wrong-key')), 'key_invalid');
  });

  it('accepts the key as a bearer token, in any case, or as X-API-Key, and nothing else', async () => {
    expect((await list(bearer(api.key))).status).toBe(200);
    expect((await list({ authorization: `bearer ${api.key}` })).status).toBe(200);
    expect((await list({ 'x-api-key': api.key })).status).toBe(200);
    expectProblem(await list({ authorization: `Basic ${btoa(`api:${api.key}`)}` }), 'key_missing');
    expectProblem(await list({ authorization: 'Bearer ' }), 'key_missing');
    expectProblem(await list(bearer(api.key.slice(0, -1))), 'key_invalid');
  });

  it('is refused without a key before its body is read', async () => {
    const answer = await ask(`${api.url}/v1/images`, 'POST', new Uint8Array(40 * 1024 * 1024));
    expectProblem(answer, 'key_missing');
  });

  it('records the name of the key with each submission', async () => {
    const key = await provideApiKey(database, folder);
    const { status, body } = await ask(`${api.url}/v1/images`, 'POST', sample(4), {
      ...bearer(key),
      'content-type': 'image/jpeg',
    });
    expect(status).toBe(202);
    const rows = await database.rows('select submitted_by from watchpost.image where id = $1', [body.id]);
    const hash = createHash('sha256').update(key).digest('hex');
    expect(rows).toEqual([{ submitted_by: `api:local-${hash.slice(0, 8)}` }]);
  });
});

describe('the key of an installation', () => {
  it('is made once, readable by its owner only, and valid beside those of other folders', async () => {
    const here = join(folder, 'here');
    const there = join(folder, 'there');
    const [key, ...others] = await Promise.all(
      Array.from({ length: 20 }, () => provideApiKey(database, here)),
    );
    expect(key).toMatch(/^wp_[\w-]{43}$/);
    expect(others).toEqual(Array(19).fill(key));
    expect(await readdir(here)).toEqual(['api-key']);
    expect((await stat(join(here, 'api-key'))).mode & 0o777).toBe(0o600);
    expect((await stat(here)).mode & 0o777).toBe(0o700);
    const other = await provideApiKey(database, there);
    expect(other).not.toBe(key);
    for (const known of [key!, other]) expect((await list(bearer(known))).status).toBe(200);
  });

  it('is an error if its file is empty', async () => {
    const empty = join(folder, 'empty');
    await mkdir(empty);
    await writeFile(join(empty, 'api-key'), '\n');
    await expect(provideApiKey(database, empty)).rejects.toThrow(/holds no API key: delete it/);
  });

  it('is not stored in the database', async () => {
    const key = await provideApiKey(database, join(folder, 'here'));
    const rows = await database.rows('select k::text as text from watchpost.api_key k');
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows)).not.toContain(key);
  });

  it('may be given although it is in a file, and replaces the one given before', async () => {
    const kept = await provideApiKey(database, join(folder, 'here'));
    expect(await provideApiKey(database, '/nonexistent', kept)).toBe(kept);
    await provideApiKey(database, '/nonexistent', 'a-first-key-from-the-environment');
    await provideApiKey(database, '/nonexistent', 'a-second-key-from-the-environment');
    const other = await listen(database, vision, idle);
    expectProblem(await list(bearer('a-first-key-from-the-environment'), other), 'key_invalid');
    expect((await list(bearer('a-second-key-from-the-environment'), other)).status).toBe(200);
    expect((await list(bearer(kept), other)).status).toBe(200);
  });

  it('stays revoked: each server refuses it, and the next start fails with advice', async () => {
    const home = join(folder, 'revoked');
    const key = await provideApiKey(database, home);
    expect((await list(bearer(key))).status).toBe(200);
    expect(await revoke(key)).toHaveLength(1);
    expectProblem(await list(bearer(key), await listen(database, vision, idle)), 'key_invalid');
    // A server that has just looked it up accepts it for some more seconds.
    for (let status = 200; status === 200; ) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      ({ status } = await list(bearer(key)));
    }
    expectProblem(await list(bearer(key)), 'key_invalid');
    await expect(provideApiKey(database, home)).rejects.toThrow(/was revoked: delete the file/);
    await writeFile(join(home, 'api-key'), `${await readFile(join(folder, 'here', 'api-key'), 'utf8')}`);
    expect((await list(bearer(await provideApiKey(database, home)))).status).toBe(200);
  });
});
