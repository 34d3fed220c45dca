import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { watchpost } from './support.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
  await database.rows(`insert into watchpost.camera (name, location) values ('north-gate', 'North gate')`);
  await database.rows(`insert into watchpost.watchlist (name) values ('wanted')`);
});

const run = (...args: string[]) => watchpost(['key', ...args], { DATABASE_URL: database.url });
const nameOf = async (key: string) => {
  const [row] = await database.rows(
    `select k.name, a.state
     from watchpost.authenticate(sha256(convert_to($1, 'UTF8'))) as a
     join watchpost.api_key as k on k.id = a.id`,
    [key],
  );
  return row;
};

describe('key', () => {
  it('create prints a new key, with what it may do, and lists it without', async () => {
    expect((await run('list')).stdout).toBe('no API keys\n');
    const made = await run(
      ...['create', 'gate camera', '--scope', 'submit', '--camera', 'north-gate', '--list', 'wanted'],
      ...['--expires', '90d', '--rate', '600'],
    );
    expect(made).toMatchObject({ code: 0, stderr: 'Keep it now: it is never shown again.\n' });
    const [, until, key] =
      /^gate camera {2}[0-9a-f-]{36} {2}submit, until (\S+)\nkey {2}(wp_\S{43})\n$/.exec(made.stdout) ?? [];
    const days = (Date.parse(until!) - Date.now()) / 86_400_000;
    expect(days).toBeCloseTo(90, 1);
    expect(await nameOf(key!)).toEqual({ name: 'gate camera', state: 'valid' });
    const listed = await run('list');
    expect(listed.stdout).toMatch(/^gate camera +valid +submit +1 camera, 1 list +600 +\d{4}-/m);
    expect(listed.stdout).not.toContain('wp_');
    expect(JSON.parse((await run('list', '--json')).stdout)).toMatchObject([
      { name: 'gate camera', scopes: ['submit'], rate_per_minute: 600 },
    ]);
  });

  it('create takes several scopes, and makes one that may submit and read by itself', async () => {
    expect((await run('create', 'desk', '--scope', 'read', '--scope', 'review')).stdout).toMatch(
      /^desk {2}\S+ {2}read, review\n/,
    );
    const plain = JSON.parse((await run('create', 'plain', '--json')).stdout);
    expect(plain).toMatchObject({ name: 'plain', scopes: ['read', 'submit'], cameras: null });
    expect(await nameOf(plain.key)).toEqual({ name: 'plain', state: 'valid' });
  });

  it.each([
    [['create', 'desk'], /The key name "desk" is taken/],
    [['create', 'x', '--scope', 'fly'], /Give one of submit, read, enrol, review, administer\./],
    [['create', 'x', '--camera', 'nowhere'], /There is no camera 'nowhere'/],
    [['create', 'x', '--list', 'nobody'], /There is no watchlist "nobody"/],
    [['create', 'x', '--expires', 'tomorrow'], /Give a time with its offset/],
    [['create', 'x', '--expires', '2020-01-01T00:00:00Z'], /expires_at: give a time in the future/],
    [['rotate', 'nobody'], /There is no API key 'nobody'/],
    [['rotate', 'desk', '--overlap', 'soon'], /Give a length of time like/],
    [['revoke', 'nobody'], /There is no API key 'nobody'/],
  ])('is refused, and makes nothing: %j', async (args, words) => {
    const { code, stdout, stderr } = await run(...args);
    expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(words) });
    expect(await database.rows(`select from watchpost.api_key where name = 'x'`)).toEqual([]);
  });

  it('rotate prints the next key; the one before is valid for the overlap', async () => {
    const before = JSON.parse((await run('create', 'turning', '--json')).stdout).key;
    const rotated = await run('rotate', 'turning', '--overlap', '1h');
    const [, until, key] =
      /^turning: the one before is valid until (\S+)\nkey {2}(wp_\S+)\n$/.exec(rotated.stdout) ?? [];
    expect((Date.parse(until!) - Date.now()) / 3_600_000).toBeCloseTo(1, 1);
    for (const one of [before, key]) expect(await nameOf(one)).toEqual({ name: 'turning', state: 'valid' });
    const next = JSON.parse((await run('rotate', 'turning', '--overlap', '0s', '--json')).stdout);
    expect(await nameOf(key!)).toEqual({ name: 'turning', state: 'replaced' });
    expect(await nameOf(before)).toBeUndefined();
    expect(await nameOf(next.key)).toEqual({ name: 'turning', state: 'valid' });
  });

  it('change sets and lifts limits, bounds and the end, and leaves the rest', async () => {
    await database.rows(`insert into watchpost.camera (name, location) values ('side door', 'Side')`);
    const made = JSON.parse((await run('create', 'changing', '--rate', '60', '--json')).stdout);
    const change = async (...options: string[]) =>
      JSON.parse((await run('change', 'changing', ...options, '--json')).stdout);
    const { key: _, ...before } = made;
    const limited = await change(
      '--streams',
      '2',
      '--backlog',
      '9',
      '--camera',
      'side door',
      '--expires',
      '1d',
    );
    expect(limited).toEqual({
      ...before,
      max_streams: 2,
      max_backlog: 9,
      cameras: [expect.any(String)],
      expires_at: expect.any(String),
    });
    const { cameras, expires_at } = limited;
    expect(await change('--no-rate', '--no-streams')).toEqual({
      ...before,
      max_backlog: 9,
      rate_per_minute: null,
      cameras,
      expires_at,
    });
    expect(await change('--no-backlog', '--no-camera', '--no-expires')).toEqual({
      ...before,
      rate_per_minute: null,
    });
    expect((await run('change', 'changing', '--rate', '7')).stdout).toMatch(/changing +valid .* 7 /);
  });

  it.each([
    [['changing'], /Say what to change/],
    [['changing', '--rate', '0'], /Give a whole number from 1/],
    [['changing', '--camera', 'nowhere'], /There is no camera 'nowhere'/],
    [['nobody', '--no-rate'], /There is no API key 'nobody'/],
  ])('change refuses %j', async (args, words) => {
    const { code, stderr } = await run('change', ...args);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(words) });
  });

  it('revoke ends keys for good', async () => {
    const { key } = JSON.parse((await run('create', 'leaving', '--json')).stdout);
    const revoked = await run('revoke', 'leaving', 'nobody');
    expect(revoked.stdout).toBe('leaving is revoked\n');
    expect(revoked.stderr).toMatch(/^nobody: There is no API key 'nobody'/);
    expect(revoked.code).toBe(1);
    expect(await nameOf(key)).toEqual({ name: 'leaving', state: 'revoked' });
    expect((await run('rotate', 'leaving')).stderr).toMatch(/was revoked or has expired/);
    expect((await run('list')).stdout).toMatch(/^leaving +revoked/m);
  });
});
