import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { toWatchpostError } from '../../src/convert-error.ts';
import { connectClient } from '../support/client.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let cameras: string[];
let lists: string[];

beforeAll(async () => {
  database = await freshDatabase();
  const made = await database.rows(
    `insert into watchpost.camera (name, location) values ('gate', 'Gate'), ('door', 'Door') returning id`,
  );
  cameras = made.map(({ id }) => id);
  const listed = await database.rows(
    `insert into watchpost.watchlist (name) values ('wanted'), ('missing') returning id`,
  );
  lists = listed.map(({ id }) => id);
});

let made = 0;
const create = async (others = '', values: unknown[] = []) => {
  const name = `key ${++made}`;
  const [row] = await database.rows(`select * from watchpost.create_key($1${others && `, ${others}`})`, [
    name,
    ...values,
  ]);
  return { name, id: row.key_id as string, key: row.key as string };
};
const stored = async (id: string) =>
  (await database.rows('select * from watchpost.api_key where id = $1', [id]))[0];
const statusOf = async (id: string) =>
  (await database.rows('select * from watchpost.key_status where id = $1', [id]))[0];
const eventsOf = (id: string) =>
  database.rows(`select topic, payload from watchpost.event where subject_id = $1 order by id`, [id]);
const codeOf = (refused: Promise<unknown>) =>
  refused.then(
    () => 'done',
    (error) => toWatchpostError(error).code,
  );
const digest = (key: string) => createHash('sha256').update(key).digest();

/** Runs statements in a transaction that acts for a key, and takes them back. */
const as = async <T>(key: string, run: (query: TestDatabase['rows']) => Promise<T>): Promise<T> => {
  const client = await connectClient(database);
  await client.query('begin');
  await client.query(
    `select set_config('watchpost.key', $1, true), set_config('role', 'watchpost_api', true)`,
    [key],
  );
  try {
    return await run(async (text, values = []) => (await client.query(text, values)).rows);
  } finally {
    await client.query('rollback');
  }
};

describe('a key', () => {
  it('is returned once, and only its hash is stored', async () => {
    const { id, key } = await create();
    expect(key).toMatch(/^wp_[\w-]{43}$/);
    const row = await stored(id);
    expect(row).toMatchObject({ sha256: digest(key), scopes: ['read', 'submit'], cameras: null });
    expect(await statusOf(id)).toMatchObject({ state: 'valid', expires_at: null, last_used_at: null });
    const [{ dump }] = await database.rows(
      `select (select string_agg(k::text, ' ') from watchpost.api_key as k)
         || (select string_agg(e::text, ' ') from watchpost.event as e) as dump`,
    );
    expect(dump).not.toContain(key);
    expect(JSON.stringify(await eventsOf(id))).not.toContain(digest(key).toString('hex'));
  });

  it('has 32 random bytes of its own', async () => {
    const keys = await database.rows('select watchpost.make_key() as key from generate_series(1, 500)');
    expect(new Set(keys.map(({ key }) => key)).size).toBe(500);
    expect(new Set(keys.map(({ key }) => Buffer.from(key.slice(3), 'base64url').length))).toEqual(
      new Set([32]),
    );
  });

  it.each([
    [`scopes => '{}'`, 'scope_unknown'],
    [`scopes => '{read,fly}'`, 'scope_unknown'],
    [`scopes => array['read', null]`, 'scope_unknown'],
    [`expires_at => now() - interval '1 second'`, 'time_invalid'],
    [`expires_at => 'infinity'`, 'time_invalid'],
    ['cameras => array[gen_random_uuid()]', 'camera_unknown'],
    ['watchlists => array[gen_random_uuid()]', 'watchlist_unknown'],
    ['rate_per_minute => 0', 'limit_invalid'],
    ['max_streams => 1000001', 'limit_invalid'],
  ])('is refused with %s: %s', async (others, code) => {
    expect(await codeOf(create(others))).toBe(code);
  });

  it('keeps its name for ever', async () => {
    const { id, name } = await create();
    await database.rows('select watchpost.revoke_key($1)', [id]);
    await expect(database.rows('select watchpost.create_key($1)', [name])).rejects.toMatchObject({
      code: '23505',
    });
  });

  it('is found by name or id, and an unknown one is named', async () => {
    const { id, name } = await create();
    for (const wanted of [name, id, id.toUpperCase()]) {
      expect(await database.rows('select watchpost.find_key($1) as id', [wanted])).toEqual([{ id }]);
    }
    expect(await codeOf(database.rows(`select watchpost.find_key('nobody')`))).toBe('key_unknown');
  });
});

describe('the record of a key', () => {
  it('has its making, its rotation, its changes and its end, by whom, and no hash', async () => {
    const { id, name } = await create('scopes => $2, rate_per_minute => 60', [['read']]);
    await database.rows(`select watchpost.rotate_key($1, '1 hour')`, [id]);
    await database.rows(`update watchpost.api_key set rate_per_minute = 30 where id = $1`, [id]);
    await database.rows('select watchpost.note_key_use($1)', [id]);
    await database.rows('select watchpost.revoke_key($1), watchpost.revoke_key($1)', [id]);
    const events = await eventsOf(id);
    const [{ by }] = await database.rows('select session_user as by');
    expect(events).toMatchObject([
      { topic: 'key.changed', payload: { change: 'created', name, by, new: { scopes: ['read'] } } },
      { payload: { change: 'rotated', new: { previous_until: expect.any(String) } } },
      { payload: { change: 'updated', old: { rate_per_minute: 60 }, new: { rate_per_minute: 30 } } },
      { payload: { change: 'revoked', new: { revoked_at: expect.any(String) } } },
    ]);
    expect(events).toHaveLength(4);
    expect(JSON.stringify(events)).not.toContain('sha256');
    expect(await statusOf(id)).toMatchObject({ state: 'revoked', last_used_at: expect.any(Date) });
  });

  it('has its expiry once, by upkeep', async () => {
    const { id } = await create();
    await database.rows(`update watchpost.api_key set expires_at = now() where id = $1`, [id]);
    expect(await statusOf(id)).toMatchObject({ state: 'expired' });
    await database.rows(`update watchpost.upkeep_task set last_run = now() where task <> 'keys'`);
    for (const result of ['1 keys expired', null]) {
      expect(await database.rows('select task, result, error from watchpost.upkeep()')).toMatchObject([
        { result, error: null },
      ]);
    }
    await database.rows('select watchpost.note_expired_keys()');
    const changes = (await eventsOf(id)).map(({ payload }) => payload.change);
    expect(changes).toEqual(['created', 'updated', 'expired']);
    expect(await codeOf(database.rows('select watchpost.rotate_key($1)', [id]))).toBe('key_ended');
  });
});

describe('a key that is bound', () => {
  it('lets policies ask what it is bound to; without a key nothing is, and of an unknown key everything', async () => {
    const { id } = await create('cameras => $2, watchlists => $3', [cameras.slice(0, 1), lists]);
    const bounds = (query: TestDatabase['rows']) =>
      query('select sites, cameras, watchlists as lists from watchpost.key_bounds()');
    expect(await as('', bounds)).toEqual([{ sites: null, cameras: null, lists: null }]);
    expect(await as(id, bounds)).toEqual([{ sites: null, cameras: [cameras[0]], lists }]);
    expect(await as('01890000-0000-7000-8000-000000000000', bounds)).toEqual([
      { sites: [], cameras: [], lists: [] },
    ]);
  });

  it('submits for its cameras only, by name or id, and hears of no others', async () => {
    const { id } = await create('cameras => $2', [cameras.slice(0, 1)]);
    const submit = (camera: string | null) => (query: TestDatabase['rows']) =>
      query(`select watchpost.submit_image('photo', camera => $1)`, [camera]);
    expect(await codeOf(as(id, submit('gate')))).toBe('done');
    expect(await codeOf(as(id, submit(cameras[0]!)))).toBe('done');
    expect(await codeOf(as(id, submit(null)))).toBe('camera_required');
    for (const camera of ['door', cameras[1]!, 'nowhere']) {
      const refused = await as(id, submit(camera)).catch((error) => toWatchpostError(error));
      expect(refused).toMatchObject({
        code: 'camera_unknown',
        message: `There is no camera '${camera}'.`,
        hint: 'Cameras: gate.',
      });
    }
  });

  it('manages keys that are bound to some of the same, and gives no more than it has', async () => {
    const boss = await create(`scopes => '{administer}', cameras => $2`, [cameras]);
    const within = await create('cameras => $2', [cameras.slice(0, 1)]);
    const beyond = await create();
    const attempt = (text: string, ...values: unknown[]) =>
      codeOf(as(boss.id, (query) => query(text, values)));
    const seen = await as(boss.id, (query) => query('select name from watchpost.key_status order by name'));
    expect(seen.map(({ name }) => name)).toContain(within.name);
    expect(seen.map(({ name }) => name)).not.toContain(beyond.name);
    for (const verb of ['rotate', 'revoke']) {
      expect(await attempt(`select watchpost.${verb}_key($1)`, within.id)).toBe('done');
      expect(await attempt(`select watchpost.${verb}_key($1)`, beyond.id)).toBe('key_unknown');
    }
    expect(await attempt(`select watchpost.create_key('a', cameras => $1)`, cameras)).toBe('done');
    expect(await attempt(`select watchpost.create_key('a')`)).toBe('key_beyond_own');
    const plain = await create(`scopes => '{submit,read,enrol,review}'`);
    expect(await codeOf(as(plain.id, (query) => query(`select watchpost.create_key('a')`)))).toBe(
      'key_beyond_own',
    );
  });
});

describe('the calls of a key in a minute', () => {
  it('are handed out in parts, never more than its rate, and anew in the next minute', async () => {
    const { id } = await create('rate_per_minute => 100');
    const take = async () => (await database.rows('select * from watchpost.take_calls($1)', [id]))[0];
    // All in one minute, whenever the test runs: the row counts for a minute that is to come.
    await take();
    const later = `now() + interval '1 hour'`;
    await database.rows(`update watchpost.key_calls set minute = ${later}, calls = 0 where key_id = $1`, [
      id,
    ]);
    const parts: number[] = [];
    for (let granted = 1; granted > 0; ) {
      ({ granted } = await take());
      parts.push(granted);
    }
    expect(parts.slice(0, 3)).toEqual([6, 5, 5]);
    expect(parts.reduce((sum, part) => sum + part, 0)).toBe(100);
    expect(parts.at(-2)).toBe(1);
    await database.rows(
      `update watchpost.key_calls set minute = now() - interval '1 hour' where key_id = $1`,
      [id],
    );
    const next = await take();
    expect(next).toMatchObject({ granted: 6 });
    expect(next.minute_left_ms).toBeGreaterThan(0);
    expect(next.minute_left_ms).toBeLessThanOrEqual(60_000);
  });

  it('are not counted without a rate', async () => {
    const { id } = await create();
    expect(await database.rows('select granted from watchpost.take_calls($1)', [id])).toEqual([
      { granted: null },
    ]);
  });
});
