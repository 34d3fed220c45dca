import { beforeAll, describe, expect, it } from 'vitest';
import type { Vision } from '../../src/vision/index.ts';
import { connectClient } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { realVision } from '../support/pipeline.ts';
import { fillSite, type MadeSite } from '../support/sites.ts';
import { openStream, type Received, type Stream } from './streams.ts';
import { type Api, admit, ask, bearer, expectProblem, idleProcess, keyWith, listen } from './support.ts';

let database: TestDatabase;
let vision: Vision;
let api: Api;
let south: MadeSite;
let north: MadeSite;
/** A key that may read what is of the site north. */
let bound: { id: string; key: string };

beforeAll(async () => {
  database = await freshDatabase();
  vision = await realVision();
  api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
  await admit(database, api);
  south = await fillSite(database, 'default', 0);
  north = await fillSite(database, 'north', 2);
  bound = await keyWith(database, { scopes: ['read'], sites: ['north'] });
});

const get = async (query: string) => {
  const { status, body } = await api.call('GET', `/v1/events${query}`);
  expect(status).toBe(200);
  return body.events;
};
const idsOf = (events: { id: string }[]) => events.map(({ id }) => id);
const sent = (received: Received[]) => received.map(({ data }) => data.id);
const idsWhere = async (condition: string, values: unknown[] = []): Promise<string[]> =>
  idsOf(
    await database.rows(
      `select id from watchpost.event where ${condition} order by id desc limit 1000`,
      values,
    ),
  );

const follow = (query = '', { key = api.key, last }: { key?: string; last?: string } = {}): Promise<Stream> =>
  openStream({ url: api.url, key }, `/v1/events${query}`, {
    headers: { accept: 'text/event-stream', ...(last === undefined ? {} : { 'last-event-id': last }) },
    schema: 'Event',
  });

let written = 0;
/** Writes an event of a consumer's own, and returns its id. */
const write = async (topic = 'test.happened', rows = database.rows): Promise<string> => {
  written += 1;
  const [event] = await rows(
    `insert into watchpost.event (topic, subject_id, payload)
     values ($1, gen_random_uuid(), jsonb_build_object('n', $2::integer)) returning id`,
    [topic, written],
  );
  return (event as { id: string }).id;
};

describe('GET /v1/events', () => {
  it('lists events, the latest first, in pages that make the whole', async () => {
    const all = await idsWhere('true');
    expect(idsOf(await get('?limit=1000'))).toEqual(all);
    const read: string[] = [];
    let after = '';
    for (;;) {
      const { body } = await api.call('GET', `/v1/events?limit=40${after}`);
      read.push(...idsOf(body.events));
      if (body.next === null) break;
      after = `&after=${body.next}`;
    }
    expect(read).toEqual(all);
  });

  it('has each by its id, with what it says', async () => {
    const [event] = await get(`?person=${north.personId}&topic=person.changed`);
    expect(event).toMatchObject({
      topic: 'person.changed',
      subject_id: north.personId,
      erased: false,
      payload: { change: expect.any(String), by: expect.any(String) },
    });
    expect(event.payload).not.toHaveProperty('content_sha256');
    expect((await api.call('GET', `/v1/events/${event.id}`)).body).toEqual(event);
    const unknown = '/v1/events/01890000-0000-7000-8000-000000000000';
    expectProblem(await api.call('GET', unknown), 'event_unknown');
  });

  it('keeps those of a topic, an image, a camera by name or id, and a time', async () => {
    expect(idsOf(await get('?topic=alert.raised'))).toEqual(await idsWhere(`topic = 'alert.raised'`));
    expect(idsOf(await get(`?image=${north.imageId}`))).toEqual(
      await idsWhere('image_id = $1', [north.imageId]),
    );
    const ofCamera = await idsWhere('image_id in (select id from watchpost.image where camera_id = $1)', [
      north.cameraId,
    ]);
    expect(ofCamera.length).toBeGreaterThan(0);
    expect(idsOf(await get(`?camera=${north.cameraId}`))).toEqual(ofCamera);
    expect(idsOf(await get('?camera=gate%20of%20north'))).toEqual(ofCamera);
    expectProblem(await api.call('GET', '/v1/events?camera=nowhere'), 'camera_unknown');
    const [some] = await database.rows<{ at: Date }>(
      'select created_at as at from watchpost.event order by id offset 30 limit 1',
    );
    const at = new Date(some!.at).toISOString();
    expect(idsOf(await get(`?since=${at}&limit=1000`))).toEqual(await idsWhere('created_at >= $1', [at]));
    expect(idsOf(await get(`?until=${at}&limit=1000`))).toEqual(await idsWhere('created_at < $1', [at]));
  });

  it('keeps those of a person: seen, enrolled, changed, on lists, in alerts', async () => {
    const events = await get(`?person=${south.personId}`);
    expect(events.map(({ topic }: { topic: string }) => topic)).toEqual(
      expect.arrayContaining([
        'person.changed',
        'person.enrolled',
        'watchlist.person_added',
        'match.found',
        'alert.raised',
      ]),
    );
    for (const { payload } of events) expect(payload.person_id).toBe(south.personId);
  });

  it('keeps from a key what it may not administer, and what is of another site', async () => {
    const read = await keyWith(database, { scopes: ['read'] });
    const of = async (key: string, query = '') => {
      const { body } = await ask(`${api.url}/v1/events${query}`, 'GET', undefined, bearer(key));
      return body.events as { id: string; topic: string }[];
    };
    const topics = new Set((await of(read.key, '?limit=1000')).map(({ topic }) => topic));
    expect(topics).toContain('alert.raised');
    for (const topic of ['key.changed', 'access.recorded', 'endpoint.changed', 'site.changed'])
      expect(topics).not.toContain(topic);
    const refused = await ask(`${api.url}/v1/events?topic=key.changed`, 'GET', undefined, bearer(read.key));
    expectProblem(refused, 'scope_missing');
    const [hidden] = await get('?topic=key.changed');
    const byId = await ask(`${api.url}/v1/events/${hidden.id}`, 'GET', undefined, bearer(read.key));
    expectProblem(byId, 'event_unknown');

    const ours = await of(bound.key, '?limit=1000');
    expect(idsOf(ours)).toContain((await get(`?person=${north.personId}`))[0].id);
    const theirs = new Set([
      ...idsOf(await get(`?camera=${south.cameraId}`)),
      ...idsOf(await get(`?person=${south.personId}`)),
    ]);
    expect(idsOf(ours).filter((id) => theirs.has(id))).toEqual([]);
    expect(await of(bound.key, `?person=${south.personId}`)).toEqual([]);
    expect(await of(bound.key, `?image=${south.imageId}`)).toEqual([]);
    const foreign = await ask(
      `${api.url}/v1/events?camera=${south.cameraId}`,
      'GET',
      undefined,
      bearer(bound.key),
    );
    expectProblem(foreign, 'camera_unknown');
  });

  it('shows a key that is bound to a list no match on another list, though it sees the photo', async () => {
    const [other] = await database.rows(
      `insert into watchpost.watchlist (name, site_id) values ('another list', $1) returning id`,
      [north.siteId],
    );
    const { key } = await keyWith(database, { scopes: ['read'], sites: ['north'], watchlists: [other.id] });
    const { body } = await ask(`${api.url}/v1/events?image=${north.imageId}`, 'GET', undefined, bearer(key));
    const topics = body.events.map(({ topic }: { topic: string }) => topic);
    expect(topics).toContain('face.detected');
    expect(topics).not.toContain('match.found');
    expect(topics).not.toContain('alert.raised');
  });

  it('shows nothing of what was erased', async () => {
    const { body } = await api.call('POST', '/v1/persons', { name: 'Somebody to forget' });
    const { id } = body;
    await database.rows('select watchpost.erase_person($1)', [id]);
    const events = await get(`?person=${id}`);
    const created = events.find(
      ({ payload }: { payload: object }) => 'change' in payload && payload.change === 'created',
    );
    expect(created).toMatchObject({ topic: 'person.changed', erased: true });
    expect(JSON.stringify(events)).not.toContain('Somebody to forget');
  });

  it.each([
    ['?limit=0', 'query_invalid'],
    ['?limit=1001', 'query_invalid'],
    ['?topic=', 'token_invalid'],
    ['?person=Ada', 'query_invalid'],
    ['?since=yesterday', 'query_invalid'],
    ['?colour=red', 'query_invalid'],
  ] as const)('refuses %s', async (query, code) => {
    expectProblem(await api.call('GET', `/v1/events${query}`), code);
  });
});

describe('GET /v1/events as a stream', () => {
  it('sends each event once, as the list shows it, and no earlier one', async () => {
    const stream = await follow();
    const id = await write();
    const [first] = await stream.has(1);
    const { body } = await api.call('GET', `/v1/events/${id}`);
    expect(first!.data).toEqual(body);
    const second = await write();
    expect(sent(await stream.has(2))).toEqual([id, second]);
  });

  it('sends what there is since a time, and then what comes', async () => {
    const since = new Date().toISOString();
    const before = [await write('test.since'), await write('test.since')];
    const stream = await follow(`?topic=test.since&since=${since}`);
    expect(sent(await stream.has(2))).toEqual(before);
    const next = await write('test.since');
    expect(sent(await stream.has(3))).toEqual([...before, next]);
  });

  it('resumes after any event of those that were written together, with the others, each once', async () => {
    const start = await follow('?topic=test.many');
    await database.rows(
      `insert into watchpost.event (topic, subject_id) select 'test.many', gen_random_uuid() from generate_series(1, 250)`,
    );
    const all = sent(await start.has(250));
    expect(new Set(all).size).toBe(250);
    const places = [0, 98, 99, 100, 180, 249];
    const resumed = await Promise.all(
      places.map((at) => follow('?topic=test.many', { last: start.received[at]!.id })),
    );
    const next = await write('test.many');
    for (const [n, at] of places.entries()) {
      expect(sent(await resumed[n]!.has(250 - at))).toEqual([...all.slice(at + 1), next]);
    }
  });

  it('resumes after a heartbeat', async () => {
    const stream = await follow('?topic=test.quiet');
    stream.close();
    await stream.ended;
    const meanwhile = await write('test.quiet');
    const resumed = await follow('?topic=test.quiet', { last: stream.lastId });
    expect(sent(await resumed.has(1))).toEqual([meanwhile]);
  });

  it.skipIf(!onServer)(
    `misses no event that was written before another one and committed after it, and sends none twice ${needsServer}`,
    async () => {
      const stream = await follow('?topic=test.order');
      const client = await connectClient(database);
      await client.query('begin');
      const slow = await write(
        'test.order',
        (async (text: string, values: unknown[]) =>
          (await client.query(text, values)).rows) as TestDatabase['rows'],
      );
      const quick = await write('test.order');
      expect(slow < quick).toBe(true);
      expect(sent(await stream.has(1))).toEqual([quick]);
      const { lastId } = stream;
      await client.query('commit');
      const resumed = await follow('?topic=test.order', { last: lastId });
      const next = await write('test.order');
      expect(sent(await stream.has(3))).toEqual([quick, slow, next]);
      expect(sent(await resumed.has(2))).toEqual([slow, next]);
    },
  );

  it('sends a key no event of another site', async () => {
    const stream = await follow('', { key: bound.key });
    await database.rows('update watchpost.camera set zone = $2 where id = $1', [south.cameraId, 'theirs']);
    await database.rows('update watchpost.camera set zone = $2 where id = $1', [north.cameraId, 'ours']);
    const [first] = await stream.has(1);
    expect(first!.data).toMatchObject({ topic: 'camera.changed', subject_id: north.cameraId });
  });

  it('ends when its key is revoked, or may see something else', async () => {
    const [revoked, narrowed, kept] = [
      await keyWith(database, { scopes: ['read'] }),
      await keyWith(database, { scopes: ['read'] }),
      await keyWith(database, { scopes: ['read'] }),
    ];
    const streams = [await follow('', { key: revoked.key }), await follow('', { key: narrowed.key })];
    const other = await follow('?topic=test.kept', { key: kept.key });
    await database.rows('select watchpost.revoke_key($1)', [revoked.id]);
    await api.call('PATCH', `/v1/keys/${narrowed.id}`, { sites: ['north'] });
    await api.call('PATCH', `/v1/keys/${kept.id}`, { rate_per_minute: 600 });
    await Promise.all(streams.map(({ ended }) => ended));
    const id = await write('test.kept');
    expect(sent(await other.has(1))).toEqual([id]);
    const again = { ...bearer(revoked.key), accept: 'text/event-stream' };
    expectProblem(await ask(`${api.url}/v1/events`, 'GET', undefined, again), 'key_invalid');
  });

  it('counts among the streams of its key', async () => {
    const { key } = await keyWith(database, { scopes: ['read'], max_streams: 1 });
    const accept = { ...bearer(key), accept: 'text/event-stream' };
    await follow('', { key });
    expectProblem(await ask(`${api.url}/v1/events`, 'GET', undefined, accept), 'streams_full');
    expectProblem(await ask(`${api.url}/v1/alerts/stream`, 'GET', undefined, accept), 'streams_full');
  });

  it.each([
    ['?limit=5', {}, 'query_invalid'],
    ['?until=2026-01-01T00:00:00Z', {}, 'query_invalid'],
    ['?after=01890000-0000-7000-8000-000000000000', {}, 'query_invalid'],
    ['', { 'last-event-id': 'yesterday' }, 'header_invalid'],
    ['', { 'last-event-id': '5:5:/4:5' }, 'header_invalid'],
    ['', { 'last-event-id': '5:5:/9:8:/6/01890000-0000-7000-8000-000000000000' }, 'header_invalid'],
  ] as const)('refuses %s %j', async (query, headers, code) => {
    const answer = await api.call('GET', `/v1/events${query}`, undefined, {
      accept: 'text/event-stream',
      ...headers,
    });
    expectProblem(answer, code);
  });
});
