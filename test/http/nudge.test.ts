import { beforeAll, describe, expect, it } from 'vitest';
import { expectResponse } from '../support/contract.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';
import { type Api, admit, idleProcess, listen } from './support.ts';

/** Reads what is in the outbox whenever it is nudged. */
class OutboxReader {
  readonly #database: TestDatabase;
  readonly outbox: Promise<{ image_id: string }[]>[] = [];

  constructor(database: TestDatabase) {
    this.#database = database;
  }

  nudge(): void {
    this.outbox.push(this.#database.rows(`select payload ->> 'image_id' as image_id from watchpost.outbox`));
  }
}

const readOnly = new Set(['GET', 'HEAD']);

let database: TestDatabase;
let reader: OutboxReader;
let api: Api;

beforeAll(async () => {
  database = await freshDatabase();
  const vision = await realVision();
  const { id } = await idleProcess(database, vision, 'resting');
  reader = new OutboxReader(database);
  api = await listen(database, vision, { id, nudge: () => reader.nudge() });
  await admit(database, api);
});

/** The status of a call with ids that do not exist. */
const statusOf = async ({ method, path }: Api['routes'][number]): Promise<number> => {
  const address = path.replace(':task', 'detect').replace(/:\w+/g, '01890000-0000-7000-8000-000000000000');
  if (!address.endsWith('/stream')) {
    return (await api.call(method, address, readOnly.has(method) ? undefined : {})).status;
  }
  const response = await fetch(new URL(address, api.url), {
    headers: { authorization: `Bearer ${api.key}` },
  });
  await expectResponse(method, response.url, response);
  // It has no end.
  await response.body?.cancel();
  return response.status;
};

describe('the process is nudged', () => {
  it('once by each call of a route under /v1 that may write, also when it fails, and by no other', async () => {
    const nudges: Record<string, number> = {};
    const expected: Record<string, number> = {};
    for (const route of api.routes) {
      const name = `${route.method} ${route.path}`;
      const before = reader.outbox.length;
      const status = await statusOf(route);
      // A session is of a browser, and a key is no session.
      if (!route.path.startsWith('/session')) expect(status, name).not.toBe(401);
      nudges[name] = reader.outbox.length - before;
      expected[name] = readOnly.has(route.method) || !route.path.startsWith('/v1') ? 0 : 1;
    }
    expect(nudges).toEqual(expected);
    expect(Object.values(expected).filter((count) => count === 1).length).toBeGreaterThan(20);
  });

  it('after the commit: it finds what the call has written', async () => {
    const answer = await api.call('POST', '/v1/images', sample(1), { 'content-type': 'image/jpeg' });
    expect(answer.status).toBe(202);
    expect(await reader.outbox.at(-1)).toContainEqual({ image_id: answer.body.id });
  });

  it('not by HEAD, nor by a call without a valid API key', async () => {
    const before = reader.outbox.length;
    expect(await statusOf({ method: 'HEAD', path: '/v1/persons' })).toBe(200);
    const answer = await api.call('POST', '/v1/persons', { name: 'Ada' }, { authorization: 'Bearer wrong' });
    expect(answer.status).toBe(401);
    expect(reader.outbox).toHaveLength(before);
  });
});
