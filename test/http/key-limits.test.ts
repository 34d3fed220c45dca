import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Vision } from '../../src/vision/index.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';
import { openRaw, readAnswer } from '../support/raw-call.ts';
import { until } from '../support/until.ts';
import { type Api, admit, ask, bearer, expectProblem, idleProcess, keyWith, listen } from './support.ts';

let database: TestDatabase;
let vision: Vision;
/** Two API processes, as the database sees them. */
let apis: [Api, Api];
let workers: string[];

beforeAll(async () => {
  database = await freshDatabase();
  vision = await realVision();
  const processes = [
    await idleProcess(database, vision, 'resting'),
    await idleProcess(database, vision, 'resting'),
  ];
  workers = processes.map(({ id }) => id);
  apis = [await listen(database, vision, processes[0]!), await listen(database, vision, processes[1]!)];
  await admit(database, apis[0]);
});

const get = (api: Api, key: string) => ask(`${api.url}/v1/cameras`, 'GET', undefined, bearer(key));

describe('the rate of a key', () => {
  /** Counts a minute that is still to come, so that the test never meets the end of one. */
  const begin = async (id: string) => {
    await database.rows(
      `insert into watchpost.key_calls (key_id, minute, calls) values ($1, now() + interval '1 hour', 0)`,
      [id],
    );
  };

  it('is one for all API processes, and what is beyond is refused with the seconds to wait', async () => {
    const { id, key } = await keyWith(database, { rate_per_minute: 40 });
    await begin(id);
    const statuses: number[] = [];
    for (let n = 0; n < 60; n += 6) {
      const answers = await Promise.all(apis.flatMap((api) => [1, 2, 3].map(() => get(api, key))));
      statuses.push(...answers.map(({ status }) => status));
    }
    expect(statuses.filter((status) => status === 200)).toHaveLength(40);
    expect(statuses.filter((status) => status === 429)).toHaveLength(20);
    const refused = await get(apis[0], key);
    expect(expectProblem(refused, 'rate_limited').detail).toMatch(/the next one begins in \d+ s\./);
    const seconds = Number(refused.headers.get('retry-after'));
    expect(seconds).toBeGreaterThanOrEqual(1);
    expect(seconds).toBeLessThanOrEqual(60);
  });

  it('begins anew with the minute', async () => {
    const { id, key } = await keyWith(database, { rate_per_minute: 1 });
    const [api] = apis;
    await database.rows(
      `insert into watchpost.key_calls (key_id, minute, calls) values ($1, now() - interval '1 minute', 1)`,
      [id],
    );
    expect((await get(api, key)).status).toBe(200);
  });

  it('cuts off the body of a call that is beyond it', async () => {
    const { id, key } = await keyWith(database, { rate_per_minute: 1 });
    await begin(id);
    expect((await get(apis[0], key)).status).toBe(200);
    const raw = await openRaw(apis[0].url);
    raw.write(
      `POST /v1/images HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\nContent-Type: image/jpeg\r\nContent-Length: 5000000\r\n\r\n`,
    );
    expectProblem(readAnswer(await raw.closed), 'rate_limited');
  });

  it('costs a key without one nothing: no row, no query', async () => {
    const { id, key } = await keyWith(database);
    for (let n = 0; n < 5; n++) expect((await get(apis[0], key)).status).toBe(200);
    expect(await database.rows('select from watchpost.key_calls where key_id = $1', [id])).toEqual([]);
  });
});

describe('the backlog of a key', () => {
  it('is refused beyond its own limit, at each API process', async () => {
    const { key } = await keyWith(database, { max_backlog: 2 });
    const post = (api: Api) =>
      ask(`${api.url}/v1/images`, 'POST', sample(4), { ...bearer(key), 'content-type': 'image/jpeg' });
    for (let n = 0; n < 2; n++) expect((await post(apis[0])).status).toBe(202);
    // A process counts what others have taken in every half a second.
    const refused = await until(async () => {
      const answer = await post(apis[1]);
      return answer.status === 429 && answer;
    });
    expect(expectProblem(refused, 'backlog_full').hint).toMatch(/^The key has this limit/);
    expect((await post(apis[0])).status).toBe(429);
  });
});

describe('the streams of a key', () => {
  const open = async (api: Api, key: string): Promise<{ status: number; close(): void }> => {
    const response = await fetch(`${api.url}/v1/alerts/stream`, { headers: bearer(key) });
    // Also holds the answer: fetch closes the connection of one that has been garbage collected.
    const close = () => void response.body?.cancel();
    onTestFinished(close);
    return { status: response.status, close };
  };

  it('are counted at all API processes together, until they are closed', async () => {
    const { id, key } = await keyWith(database, { max_streams: 2 });
    const [one, two] = [await open(apis[0], key), await open(apis[1], key)];
    expect([one.status, two.status]).toEqual([200, 200]);
    for (const api of apis) expect((await open(api, key)).status).toBe(503);
    one.close();
    await until(async () => (await open(apis[1], key)).status === 200);
    const [{ open: counted }] = await database.rows(
      'select count(*)::int as open from watchpost.key_stream where key_id = $1',
      [id],
    );
    expect(counted).toBe(2);
  });

  it('do not count when their process has died', async () => {
    const { id, key } = await keyWith(database, { max_streams: 1 });
    const [dead] = await database.rows(
      `insert into watchpost.worker (host, pid, version, concurrency, lost_at) values ('gone', 1, '1', 0, now()) returning id`,
    );
    const add = (worker: string) =>
      database.rows('insert into watchpost.key_stream (key_id, worker_id) values ($1, $2)', [id, worker]);
    await add(dead.id);
    expect((await open(apis[0], key)).status).toBe(200);
    expect(await database.rows('select worker_id from watchpost.key_stream where key_id = $1', [id])).toEqual(
      [{ worker_id: workers[0] }],
    );
  });

  it('end when the key is revoked', async () => {
    const { id, key } = await keyWith(database);
    const raw = await openRaw(apis[0].url);
    raw.write(`GET /v1/alerts/stream HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\n\r\n`);
    await raw.has('200 OK');
    await database.rows('select watchpost.revoke_key($1)', [id]);
    await raw.has('\r\n0\r\n\r\n');
    await until(async () => {
      const left = await database.rows('select from watchpost.key_stream where key_id = $1', [id]);
      return left.length === 0;
    });
  });
});
