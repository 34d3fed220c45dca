import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';
import { type Answer, type Api, admit, expectProblem, formOf, idleProcess, listen } from './support.ts';

let database: TestDatabase;
let api: Api;

beforeAll(async () => {
  database = await freshDatabase();
  const vision = await realVision();
  const process = await idleProcess(database, vision, 'resting');
  api = await listen(database, vision, process);
  await admit(database, api);
});

const post = (path: string, body: unknown, key: string): Promise<Answer> =>
  api.call('POST', path, body, { 'idempotency-key': key });

const countOf = async (table: string): Promise<number> => {
  const [{ count }] = await database.rows(`select count(*)::int as count from watchpost.${table}`);
  return count;
};

describe('a call with an Idempotency-Key', () => {
  it('is done once, and repeated with the same answer', async () => {
    const call = () => post('/v1/cameras', { name: 'gate', location: 'North gate' }, 'gate-1');
    const first = await call();
    const second = await call();
    expect(first.status).toBe(201);
    expect([second.status, second.body]).toEqual([first.status, first.body]);
    expect(second.headers.get('location')).toBe(first.headers.get('location'));
    expect([first, second].map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([null, 'true']);
    expect(await countOf('camera')).toBe(1);
  });

  it('is refused for another body, address or method, and does nothing then', async () => {
    await post('/v1/watchlists', { name: 'wanted' }, 'list-1');
    expectProblem(await post('/v1/watchlists', { name: 'missing' }, 'list-1'), 'idempotency_key_reused');
    expectProblem(await post('/v1/persons', { name: 'wanted' }, 'list-1'), 'idempotency_key_reused');
    expect([await countOf('watchlist'), await countOf('person')]).toEqual([1, 0]);
  });

  it('can be repeated after it has failed, with another body too', async () => {
    expectProblem(
      await post('/v1/persons', { name: 'Ada', watchlists: ['nowhere'] }, 'ada'),
      'watchlist_unknown',
    );
    expect(await countOf('idempotency where key = $$ada$$')).toBe(0);
    expect((await post('/v1/persons', { name: 'Ada' }, 'ada')).status).toBe(201);
  });

  it('waits for an equal one that is under way, and gets its answer', async () => {
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => post('/v1/persons', { name: 'Grace' }, 'grace')),
    );
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.id}`)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get('idempotency-replayed') === null)).toHaveLength(1);
    expect(await countOf('person where name = $$Grace$$')).toBe(1);
  });

  it('may have a photo', async () => {
    const { body: person } = await post('/v1/persons', { name: 'Mary' }, 'mary');
    const photo = sample(1);
    const path = `/v1/persons/${person.id}/photos?face=1`;
    const call = (bytes: Uint8Array) =>
      api.call('POST', path, bytes, { 'content-type': 'image/jpeg', 'idempotency-key': 'mary-1' });
    const first = await call(photo);
    expect(first.status).toBe(202);
    expect((await call(photo)).body).toEqual(first.body);
    const changed = sample(2);
    expectProblem(await call(changed), 'idempotency_key_reused');
    expect(await countOf('person_photo')).toBe(1);
    // The same photo in another form is another body.
    const form = await api.call('POST', path, formOf(photo), { 'idempotency-key': 'mary-1' });
    expectProblem(form, 'idempotency_key_reused');
  });

  it('stores no secret: its answer is shown once', async () => {
    const endpoint = { name: 'control room', url: 'https://control-room.example/' };
    const first = await post('/v1/endpoints', endpoint, 'room');
    expect(first.status).toBe(201);
    expectProblem(await post('/v1/endpoints', endpoint, 'room'), 'answer_shown_once');
    const stored = await database.rows('select * from watchpost.idempotency');
    expect(JSON.stringify(stored)).not.toContain(first.body.secret);
  });

  it('is refused with a key that is no token', async () => {
    expectProblem(await post('/v1/cameras', { name: 'x', location: 'y' }, 'x'.repeat(256)), 'token_invalid');
    expectProblem(await post('/v1/cameras', { name: 'x', location: 'y' }, ' '), 'token_invalid');
  });

  it('is a new one when its key has expired, and upkeep forgets the old answer', async () => {
    const call = () => post('/v1/watchlists', { name: 'guests' }, 'guests');
    await call();
    await database.rows(`update watchpost.idempotency set expires_at = now() where key = 'guests'`);
    expectProblem(await call(), 'name_taken');
    await database.rows(
      `update watchpost.upkeep_task set last_run = case when task <> 'answers' then now() end`,
    );
    expect(await database.rows('select task, result, error from watchpost.upkeep()')).toEqual([
      { task: 'answers', result: '1 answers forgotten', error: null },
    ]);
    expect(await countOf('idempotency where key = $$guests$$')).toBe(0);
  });

  it('leaves no name behind when the person is deleted', async () => {
    const { body: person } = await post('/v1/persons', { name: 'Hedy Lamarr' }, 'hedy');
    expect(await countOf(`idempotency where answer like '%Hedy Lamarr%'`)).toBe(1);
    await database.rows('delete from watchpost.person where id = $1', [person.id]);
    expect(await countOf(`idempotency where answer like '%Hedy Lamarr%'`)).toBe(0);
  });
});

describe('POST /v1/images', () => {
  it('keeps its own keys: the same photo is the same image, another photo or camera is refused', async () => {
    const photo = sample(1);
    const send = (bytes: Uint8Array, query = '') =>
      api.call('POST', `/v1/images${query}`, bytes, {
        'content-type': 'image/jpeg',
        'idempotency-key': 'frame',
      });
    const first = await send(photo, '?camera=gate&captured_at=2026-05-01T08:00:00Z');
    const again = await send(photo, '?camera=gate&captured_at=2026-05-01T08:00:00Z');
    expect([again.status, again.body]).toEqual([202, { ...first.body, known: true }]);
    expectProblem(await send(sample(2)), 'idempotency_key_reused');
    await api.call('POST', '/v1/cameras', { name: 'yard', location: 'Yard' });
    expectProblem(await send(photo, '?camera=yard'), 'idempotency_key_reused');
  });
});

describe('a Request-Id', () => {
  const payloadOf = async (subject: string) => {
    const [{ payload }] = await database.rows(
      'select payload from watchpost.event where subject_id = $1 order by id desc limit 1',
      [subject],
    );
    return payload;
  };

  it('is taken from the call, and is in the answer and in the events that it causes', async () => {
    const headers = { 'request-id': 'trace-4711' };
    const camera = await api.call('POST', '/v1/cameras', { name: 'roof', location: 'Roof' }, headers);
    expect(camera.headers.get('request-id')).toBe('trace-4711');
    expect(await payloadOf(camera.body.id)).toMatchObject({
      by: expect.stringMatching(/^api:/),
      request_id: 'trace-4711',
    });
    const photo = sample(4);
    const image = await api.call('POST', '/v1/images', photo, { 'content-type': 'image/jpeg', ...headers });
    expect(await payloadOf(image.body.id)).toMatchObject({
      image_id: image.body.id,
      request_id: 'trace-4711',
    });
    const refused = await api.call('GET', `/v1/cameras/${image.body.id}`, undefined, headers);
    expectProblem(refused, 'camera_not_there');
    expect(refused.body.request_id).toBe('trace-4711');
  });

  it('is made where there is none that can be written to a log', async () => {
    const made = async (given?: string) => {
      const headers = given === undefined ? {} : { 'request-id': given };
      return (await api.call('GET', '/v1/cameras', undefined, headers)).headers.get('request-id');
    };
    const ids = [await made(), await made('two words'), await made('x'.repeat(200)), await made('"}{')];
    for (const id of ids) expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(new Set(ids).size).toBe(4);
  });

  it('is in no event of a statement that no call has caused', async () => {
    const [{ id }] = await database.rows(
      `insert into watchpost.camera (name, location) values ('sql', 'Cellar') returning id`,
    );
    expect(await payloadOf(id)).not.toHaveProperty('request_id');
  });
});
