import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../src/client/index.ts';
import { raiseAlert } from '../support/alerts.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { addFace } from '../support/fabricate.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';
import { type Api, admit, bearer, expectProblem, formOf, idleProcess, keyWith, listen } from './support.ts';

const unknownId = '01890000-0000-7000-8000-000000000000';

let database: TestDatabase;
let api: Api;
/** Two people, each seen twice by a camera of their own; the photos have no bytes of a photo. */
let ada: { alertId: string; personId: string; watchlist: string };
/** The name of the camera that has seen Ada. */
let camera: string;
/** A real photo that waits, with a face of Ada in it. */
let photo: string;

beforeAll(async () => {
  database = await freshDatabase();
  const vision = await realVision();
  api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
  await admit(database, api);
  ada = await raiseAlert(database, { seen: ['2026-05-01T08:00:00Z', '2026-05-01T08:01:00Z'] });
  [{ name: camera }] = (await database.rows('select name from watchpost.camera')) as [{ name: string }];
  await raiseAlert(database, { seen: ['2026-05-02T08:00:00Z', '2026-05-02T08:01:00Z'] });
  const sent = await api.call(
    'POST',
    '/v1/images',
    formOf(sample(1), { captured_at: '2026-05-03T08:00:00Z' }),
  );
  photo = sent.body.id;
  // All but this one are done.
  await database.rows(
    `delete from watchpost.outbox where event_id in (
    select id from watchpost.event where image_id <> $1 or image_id is null)`,
    [photo],
  );
  await database.rows(
    `insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms)
     select e.id, t.task, 'done', 1, now(), 1
     from watchpost.event as e cross join unnest(e.tasks) as t (task)
     where e.image_id <> $1 or e.image_id is null`,
    [photo],
  );
});

const get = async (path: string) => {
  const { status, body } = await api.call('GET', path);
  expect({ path, status, body: status === 200 ? undefined : body }).toEqual({
    path,
    status: 200,
    body: undefined,
  });
  return body;
};

const read = async (name: string, query = ''): Promise<Record<string, string>[]> =>
  (await get(`/v1/${name}${query}`))[name];

describe('each list', () => {
  const lists = ['images', 'faces', 'sightings', 'searches', 'workers', 'deliveries', 'merges'] as const;

  beforeAll(async () => {
    for (const name of ['Ada A', 'Ada B']) {
      const { body } = await api.call('POST', '/v1/persons', { name });
      await api.call('POST', `/v1/persons/${ada.personId}/merge`, { merged_id: body.id, note: name });
    }
    const { body } = await api.call('POST', '/v1/endpoints', {
      name: 'guards',
      url: 'https://guards.example/',
    });
    await database.rows(
      `insert into watchpost.delivery (endpoint_id, attempt, duration_ms, error)
       select $1, n, 1, case n when 1 then 'It answered 503.' end from generate_series(1, 2) as n`,
      [body.id],
    );
    await database.rows(
      `insert into watchpost.worker (host, pid, version, concurrency, stopped_at) values ('other', 1, '1', 1, now())`,
    );
  });

  it.each(lists)(
    'of %s comes in pages, each row once and in one order, and has each by its id',
    async (name) => {
      const whole = await read(name);
      expect(whole.length).toBeGreaterThan(1);
      const paged: unknown[] = [];
      for (let after = ''; ; ) {
        const page = await get(`/v1/${name}?limit=1${after}`);
        paged.push(...page[name]);
        if (page.next === null) break;
        after = `&after=${page.next}`;
      }
      expect(paged).toEqual(whole);
      if (name === 'images') return;
      for (const row of whole) expect(await get(`/v1/${name}/${row.id}`)).toEqual(row);
      const missing = await api.call('GET', `/v1/${name}/${unknownId}`);
      expect([missing.status, missing.body.code]).toEqual([404, expect.stringMatching(/_unknown$/)]);
    },
  );

  it.each(lists)('of %s answers 304 to who has it, and refuses what it does not know', async (name) => {
    const first = await api.call('GET', `/v1/${name}`);
    const tag = first.headers.get('etag') as string;
    expect(tag).toMatch(/^"/);
    const again = await api.call('GET', `/v1/${name}`, undefined, { 'if-none-match': tag });
    expect(again.status).toBe(304);
    expectProblem(await api.call('GET', `/v1/${name}?camra=gate`), 'query_invalid');
    expectProblem(await api.call('GET', `/v1/${name}?after=gate`), 'query_invalid');
  });

  it('asks for the scope that it needs', async () => {
    const { key } = await keyWith(database, { scopes: ['read'] });
    for (const name of lists) {
      const { status } = await api.call('GET', `/v1/${name}`, undefined, bearer(key));
      expect([name, status]).toEqual([name, ['workers', 'deliveries'].includes(name) ? 403 : 200]);
    }
  });

  it('has typed rows in the client', async () => {
    const { v1 } = createClient({ url: api.url, key: api.key });
    const { images } = await (await v1.images.$get({ query: { state: 'done', limit: 1 } })).json();
    expect(images[0]?.state).toBe('done');
    const { sightings } = await (await v1.sightings.$get({ query: { person: ada.personId } })).json();
    expect(sightings.map(({ person_id }) => person_id)).toEqual([ada.personId, ada.personId]);
    const crop = await v1.images[':id'].photo.$get({ param: { id: photo } });
    expect(crop.status).toBe(200);
    // @ts-expect-error: there is no such state.
    expect((await v1.images.$get({ query: { state: 'lost' } })).status).toBe(400);
  });
});

describe('GET /v1/images', () => {
  it('lists by camera, by its name or id, by time and by state', async () => {
    const all = await read('images');
    expect(all.map(({ captured_at }) => captured_at)).toEqual(
      all
        .map((one) => one.captured_at)
        .toSorted()
        .reverse(),
    );
    const [{ id }] = await database.rows('select id from watchpost.camera where name = $1', [camera]);
    const ofCamera = await read('images', `?camera=${encodeURIComponent(camera)}`);
    expect(ofCamera).toHaveLength(2);
    expect(ofCamera).toEqual(all.filter((one) => one.camera === camera));
    expect(await read('images', `?camera=${id}`)).toEqual(ofCamera);
    expect(await read('images', '?since=2026-05-01T08:01:00Z&until=2026-05-02T08:00:00Z')).toEqual([
      ofCamera[0],
    ]);
    expect(await read('images', '?state=received')).toMatchObject([{ id: photo, has_photo: true, faces: 0 }]);
    expect(await read('images', '?state=done&limit=3')).toEqual(
      all.filter(({ state }) => state === 'done').slice(0, 3),
    );
    expect(await read('images', '?state=failed')).toEqual([]);
    expectProblem(await api.call('GET', '/v1/images?camera=nowhere'), 'camera_unknown');
    expectProblem(await api.call('GET', `/v1/images?after=${unknownId}`), 'image_unknown');
  });

  it('has one as failed as soon as a stage has refused it', async () => {
    const { body } = await api.call(
      'POST',
      '/v1/images',
      formOf(sample(2), { captured_at: '2026-04-01T08:00:00Z' }),
    );
    await database.rows(
      `insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms, code, error)
       select id, 'detect', 'refused', 1, now(), 1, 'image_corrupt', 'It is broken.'
       from watchpost.event where image_id = $1`,
      [body.id],
    );
    expect(await read('images', '?state=failed')).toMatchObject([{ id: body.id, code: 'image_corrupt' }]);
    expect((await read('images', '?state=received')).map(({ id }) => id)).toEqual([photo]);
  });
});

describe('the filters', () => {
  it('of faces: photo, camera, time, and who was matched', async () => {
    const all = await read('faces');
    const ofAda = await read('faces', `?person=${ada.personId}`);
    expect(ofAda).toEqual(all.filter((one) => one.camera === camera));
    expect(ofAda).toHaveLength(2);
    expect(ofAda[0]).toMatchObject({ crop_url: `/v1/faces/${ofAda[0]?.id}/crop` });
    expect(await read('faces', `?camera=${encodeURIComponent(camera)}`)).toEqual(ofAda);
    expect(await read('faces', `?image=${ofAda[0]?.image_id}`)).toEqual([ofAda[0]]);
    expect(await read('faces', '?until=2026-05-01T08:01:00Z')).toEqual([ofAda[1]]);
    expectProblem(await api.call('GET', `/v1/faces?after=${unknownId}`), 'face_unknown');
  });

  it('of sightings and searches: photo, camera, list, outcome and time', async () => {
    const all = await read('sightings');
    const ofAda = await read('sightings', `?watchlist=${encodeURIComponent(ada.watchlist)}`);
    expect(ofAda).toEqual(all.filter(({ person_id }) => person_id === ada.personId));
    expect(await read('sightings', `?camera=${encodeURIComponent(camera)}`)).toEqual(ofAda);
    expect(await read('sightings', `?image=${ofAda[0]?.image_id}`)).toEqual([ofAda[0]]);
    expect(await read('sightings', '?until=2026-05-01T08:01:00Z')).toEqual([ofAda[1]]);
    expect(await read('sightings', '?since=2026-05-02T08:01:00Z')).toEqual([all[0]]);
    expectProblem(await api.call('GET', '/v1/sightings?watchlist=nobody'), 'watchlist_unknown');
    const searches = await read('searches', `?camera=${encodeURIComponent(camera)}&outcome=match`);
    expect(searches.map(({ face_id }) => face_id)).toEqual(ofAda.map(({ face_id }) => face_id));
    expect(await read('searches', `?face=${ofAda[0]?.face_id}`)).toEqual([searches[0]]);
    expect(await read('searches', `?image=${ofAda[1]?.image_id}`)).toEqual([searches[1]]);
    expect(await read('searches', '?since=2100-01-01T00:00:00Z')).toEqual([]);
    expect(await read('searches', '?until=2100-01-01T00:00:00Z')).toHaveLength(4);
    expect(await read('searches', '?outcome=gated')).toEqual([]);
  });

  it('of merges, deliveries and workers', async () => {
    const merges = await read('merges', `?person=${ada.personId}`);
    expect(merges.map(({ merged, note }) => [merged, note])).toEqual([
      ['Ada B', 'Ada B'],
      ['Ada A', 'Ada A'],
    ]);
    expect(await read('merges', `?person=${merges[1]?.merged_id}`)).toEqual([merges[1]]);
    await api.call('POST', `/v1/persons/${merges[0]?.merged_id}/unmerge`, { note: 'two people' });
    expect(await read('merges', '?undone=true')).toMatchObject([
      { merged: 'Ada B', undo_note: 'two people' },
    ]);
    expect(await read('merges', '?undone=false')).toEqual([merges[1]]);
    expect(await read('deliveries', '?endpoint=guards&outcome=failed')).toMatchObject([{ attempt: 1 }]);
    expect(await read('deliveries', `?alert=${ada.alertId}`)).toEqual([]);
    expectProblem(await api.call('GET', '/v1/deliveries?endpoint=nobody'), 'endpoint_unknown');
    expect(await read('workers', '?state=stopped')).toMatchObject([{ host: 'other' }]);
    expect(await read('workers', '?state=lost')).toEqual([]);
    const [endpoint] = await read('endpoints');
    expect(await get(`/v1/endpoints/${endpoint?.id}`)).toEqual(endpoint);
  });
});

describe('GET /v1/images/{id}/photo and /annotated', () => {
  const look = (what: string, headers: Record<string, string> = {}) =>
    api.call('GET', `/v1/images/${photo}/${what}`, undefined, headers);

  it('has the bytes that were submitted, and 304 for who has them', async () => {
    const answer = await look('photo', { 'access-reason': 'a complaint', 'request-id': 'call-77' });
    expect(Buffer.from(answer.body).equals(sample(1))).toBe(true);
    expect(answer.headers.get('content-type')).toBe('image/jpeg');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const tag = answer.headers.get('etag') as string;
    expect((await look('photo', { 'if-none-match': tag, 'access-reason': 'a complaint' })).status).toBe(304);
    // One that has the bytes already looks at them, too.
    const [row] = (await get(`/v1/access?subject=${photo}&action=photo`)).accesses;
    expect(row).toMatchObject({
      subject: { kind: 'image', id: photo },
      reason: 'a complaint',
      request_id: 'call-77',
      times: 2,
    });
  });

  it('marks each face with a box, who it is and how similar, in letters of any name', async () => {
    const plain = await look('annotated');
    expect(plain.headers.get('content-type')).toBe('image/jpeg');
    const { width, height } = await sharp(sample(1)).metadata();
    // In shares of the picture.
    const box = { x: 0.3, y: 0.1, width: 0.3, height: 0.3 };
    const [face] = await database.rows(
      `insert into watchpost.face
         (image_id, detector_id, ordinal, box_x, box_y, box_width, box_height, points, score,
          height_px, sharpness, yaw, pitch, roll, crop)
       values ($1, 'no-detector', 1, $2, $3, $4, $5, '{}', 1, 100, 500, 0, 0, 0, '') returning id`,
      [photo, box.x * width, box.y * height, box.width * width, box.height * height],
    );
    const boxed = await look('annotated');
    expect(await redIn(boxed.body, box)).toBeGreaterThan((await redIn(plain.body, box)) + 0.01);
    const below = { ...box, y: box.y + box.height + 0.01, height: 0.03 };
    await database.rows(
      `with other as (
         insert into watchpost.person (name) values ('Æsa <b>&amp; Łukasz') returning id
       )
       insert into watchpost.match (search_id, image_id, face_id, person_id, watchlist_id, similarity, threshold)
       select gen_random_uuid(), $1, $2, o.id, w.id, 0.71, 0.5 from other as o cross join watchpost.watchlist as w limit 1`,
      [photo, face.id],
    );
    const named = await look('annotated');
    expect(await redIn(named.body, below)).toBeGreaterThan((await redIn(boxed.body, below)) + 0.02);
  });

  it('say so of a photo that is not there, was dropped or is none, and leave no row then', async () => {
    const before = (await get('/v1/access')).accesses.length;
    for (const what of ['photo', 'annotated']) {
      expectProblem(await api.call('GET', `/v1/images/${unknownId}/${what}`), 'image_unknown');
      const { imageId } = await addFace(database, { model: 'alerts-model', vector: [1, 0, 0, 0] });
      if (what === 'annotated') {
        expectProblem(await api.call('GET', `/v1/images/${imageId}/${what}`), 'image_format_unsupported');
      }
      await database.rows('update watchpost.image set bytes = null where id = $1', [imageId]);
      expectProblem(await api.call('GET', `/v1/images/${imageId}/${what}`), 'image_bytes_gone');
      expect((await get(`/v1/images?limit=1`)).images).toMatchObject([{ id: imageId, has_photo: false }]);
    }
    // The photo that is none was read.
    expect((await get('/v1/access')).accesses).toHaveLength(before + 1);
  });
});

describe('a header of this API', () => {
  it.each([
    ['GET', '/v1/cameras', 'Access-Reason'],
    ['GET', '/v1/strangers', 'Idempotency-Key'],
    ['POST', '/v1/cameras', 'Idempotency_Key'],
    ['POST', '/v1/watchlists', 'X-Idempotency-Key'],
    ['GET', '/v1/access', 'Access-Reasons'],
    ['POST', '/v1/tasks/detect', 'Idempotency-Key'],
  ])('is refused by %s %s, which does not read %s', async (method, path, header) => {
    const body = method === 'GET' ? undefined : {};
    expectProblem(await api.call(method, path, body, { [header]: 'why' }), 'header_invalid');
  });

  it('is taken where it means something', async () => {
    const { body } = await api.call('POST', '/v1/keys', { name: 'turned' });
    const turn = () => api.call('POST', `/v1/keys/${body.id}/rotate`, {}, { 'idempotency-key': 'turn' });
    expect((await turn()).status).toBe(200);
    expectProblem(await turn(), 'answer_shown_once');
    const decide = () =>
      api.call('POST', `/v1/alerts/${ada.alertId}/acknowledge`, {}, { 'idempotency-key': 'seen' });
    const first = await decide();
    expect(first.status).toBe(200);
    expect((await decide()).body).toEqual(first.body);
  });
});

describe('GET /v1/persons/{id}/photos', () => {
  it('comes in pages, and has each by its id', async () => {
    const { body } = await api.call('POST', '/v1/persons', { name: 'Grace' });
    const path = `/v1/persons/${body.id}/photos`;
    for (const n of [1, 2] as const) await api.call('POST', path, formOf(sample(n)));
    const { photos } = await get(path);
    expect(photos).toHaveLength(2);
    const first = await get(`${path}?limit=1`);
    expect(first).toEqual({ photos: [photos[0]], next: photos[0].id });
    expect((await get(`${path}?after=${first.next}`)).photos).toEqual([photos[1]]);
    expect(await get(`${path}/${photos[1].id}`)).toEqual(photos[1]);
    expectProblem(await api.call('GET', `${path}/${unknownId}`), 'photo_unknown');
    expectProblem(await api.call('GET', `${path}?after=${unknownId}`), 'photo_unknown');
  });
});

describe('the record of accesses', () => {
  it('has the Request-Id of whatever was asked', async () => {
    const [{ face }] = await database.rows(
      `select face_id as face from watchpost.match where person_id = $1 limit 1`,
      [ada.personId],
    );
    const asked: [string, string, unknown?][] = [
      ['GET', `/v1/faces/${face}/crop`],
      ['GET', `/v1/persons/${ada.personId}/report`],
      ['POST', '/v1/detect', sample(1)],
      ['POST', '/v1/search', sample(1)],
    ];
    for (const [index, [method, path, body]] of asked.entries()) {
      const headers = { 'request-id': `asked-${index}`, ...(body ? { 'content-type': 'image/jpeg' } : {}) };
      expect((await api.call(method, path, body, headers)).status).toBe(200);
    }
    const { accesses } = await get(`/v1/access?limit=${asked.length}`);
    expect(accesses.map((one: { request_id: string }) => one.request_id)).toEqual(
      asked.map((_, index) => `asked-${index}`).reverse(),
    );
  });
});

/** The share of red pixels in a part of a picture. */
const redIn = async (
  picture: Uint8Array,
  { x, y, width, height }: { x: number; y: number; width: number; height: number },
): Promise<number> => {
  const whole = await sharp(picture).metadata();
  const part = {
    left: Math.round(x * whole.width),
    top: Math.round(y * whole.height),
    width: Math.round(width * whole.width),
    height: Math.round(height * whole.height),
  };
  const { data } = await sharp(picture).extract(part).raw().toBuffer({ resolveWithObject: true });
  let red = 0;
  for (let at = 0; at < data.length; at += 3)
    if ((data[at] ?? 0) > 150 && (data[at + 1] ?? 0) < 90 && (data[at + 2] ?? 0) < 90) red += 1;
  return red / (data.length / 3);
};
