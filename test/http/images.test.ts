import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Vision } from '../../src/vision/index.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, realVision, runWorker, submit, untilFinal } from '../support/pipeline.ts';
import { type Api, admit, expectProblem, formOf, idleProcess, listen } from './support.ts';

let database: TestDatabase;
let vision: Vision;
let api: Api;
const cameras: Record<string, string> = {};

beforeAll(async () => {
  database = await freshDatabase();
  vision = await realVision();
  api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
  await admit(database, api);
  const rows = await database.rows(
    `insert into watchpost.camera (name, location, zone)
     values ('gate', 'North gate', 'outside'), ('Lobby, 1st floor', 'Lobby', null) returning name, id`,
  );
  for (const { name, id } of rows) cameras[name] = id;
});

const rowOf = async (id: string) => {
  const [row] = await database.rows(
    `select camera_id, captured_at, submitted_by, idempotency_key, encode(sha256, 'hex') as sha256
     from watchpost.image where id = $1`,
    [id],
  );
  return row;
};

const raw = (query = '', bytes = sample(4), headers: Record<string, string> = {}) =>
  api.call('POST', `/v1/images${query}`, bytes, { 'content-type': 'image/jpeg', ...headers });

describe('POST /v1/images, while no worker and no relay is running', () => {
  it('names its status by the address that the caller used: https behind a proxy that ends TLS', async () => {
    const { body } = await raw('', sample(4), { 'x-forwarded-proto': 'https' });
    expect(body.status_url).toBe(`${api.url.replace('http:', 'https:')}/v1/images/${body.id}`);
  });

  it('answers 202 with the id, a Location and a status URL, after commit and before any processing', async () => {
    const answer = await raw();
    expect(answer.status).toBe(202);
    const { id } = answer.body;
    expect(answer.body).toEqual({
      id,
      known: false,
      state: 'received',
      status_url: `${api.url}/v1/images/${id}`,
    });
    expect(answer.headers.get('location')).toBe(`/v1/images/${id}`);

    const [row] = await database.rows(
      `select state, (
         select count(*)::int from watchpost.outbox as o join watchpost.event as e on e.id = o.event_id
         where e.image_id = $1
       ) as waiting
       from watchpost.image_status where image_id = $1`,
      [id],
    );
    expect(row).toEqual({ state: 'received', waiting: 1 });
    expect(await database.rows('select * from graphile_worker.jobs')).toEqual([]);
    expect(await database.rows('select * from watchpost.handling')).toEqual([]);
    const { body } = await api.call('GET', `/v1/images/${id}`);
    expect(body).toMatchObject({ state: 'received', finished_at: null, faces: [], matches: [], alerts: [] });
    expect(body.timeline).toMatchObject([{ topic: 'image.received', task: 'detect', outcome: 'waiting' }]);
  });

  it('accepts the same photo and fields as a form, as raw bytes and as JSON, and writes the same row', async () => {
    const bytes = sample(4);
    const words = { camera: 'Lobby, 1st floor', captured_at: '2026-03-04T05:06:07+02:00' };
    const base64 = bytes.toString('base64');
    const answers = [
      await api.call('POST', '/v1/images', formOf(bytes, words)),
      await raw(`?${new URLSearchParams(words)}`),
      await api.call('POST', '/v1/images', { image: base64, ...words }),
      await api.call('POST', '/v1/images', { image: `data:image/jpeg;base64,${base64}`, ...words }),
      await api.call('POST', '/v1/images', { image: base64.replace(/.{76}/g, '$&\r\n'), ...words }),
      await api.call('POST', '/v1/images', { image: base64.replace(/./g, '$& '), ...words }),
      await api.call('POST', '/v1/images', { image: bytes.toString('base64url'), ...words }),
    ];
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    for (const { body } of answers) {
      expect(await rowOf(body.id)).toEqual({
        camera_id: cameras[words.camera],
        captured_at: new Date('2026-03-04T03:06:07Z'),
        submitted_by: 'api:environment',
        idempotency_key: null,
        sha256,
      });
    }
  });

  it('finds a camera by its name and by its id, in any case', async () => {
    for (const camera of ['gate', cameras.gate!, cameras.gate!.toUpperCase()]) {
      const { body } = await raw(`?camera=${camera}`);
      expect((await rowOf(body.id)).camera_id).toBe(cameras.gate);
    }
    expect((await rowOf((await raw()).body.id)).camera_id).toBeNull();
  });

  it('answers the same id for the same photo with the same Idempotency-Key, and writes one row', async () => {
    const first = await raw('', sample(4), { 'idempotency-key': 'frame 1' });
    const again = await raw('', sample(4), { 'idempotency-key': 'frame 1' });
    expect(again.status).toBe(202);
    expect(again.body).toEqual({ ...first.body, known: true });
    expect(again.headers.get('location')).toBe(first.headers.get('location'));
    expect((await raw('', sample(4), { 'idempotency-key': 'frame 2' })).body.id).not.toBe(first.body.id);
    expect(await database.rows(`select id from watchpost.image where idempotency_key = 'frame 1'`)).toEqual([
      { id: first.body.id },
    ]);
  });

  it('writes one row for ten simultaneous calls with one Idempotency-Key', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => raw('', sample(5), { 'idempotency-key': 'burst' })),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    const { id } = answers[0]!.body;
    const rows = await database.rows(
      `select i.id, i.bytes is not null as stored, (select count(*)::int from watchpost.event as e where e.image_id = i.id) as events
       from watchpost.image as i where i.idempotency_key = 'burst'`,
    );
    expect(rows).toEqual([{ id, stored: true, events: 1 }]);
  });

  it('refuses an Idempotency-Key that belongs to another photo, and one that is too long', async () => {
    await raw('', sample(1), { 'idempotency-key': 'taken' });
    const { detail, hint } = expectProblem(
      await raw('', sample(2), { 'idempotency-key': 'taken' }),
      'idempotency_key_reused',
    );
    expect(detail).toContain('taken');
    expect(hint).toMatch(/new key/);
    expect(await database.rows(`select from watchpost.image where idempotency_key = 'taken'`)).toHaveLength(
      1,
    );
    expectProblem(await raw('', sample(1), { 'idempotency-key': 'x'.repeat(256) }), 'token_invalid');
  });
});

describe('GET /v1/images/{id}, once a worker is there', () => {
  beforeAll(async () => {
    await database.rows('delete from watchpost.image');
    await runWorker(database, vision);
    await enrolAda(database);
  });

  it('waits for the end on Prefer: wait, and has state, timeline, faces, matches and alerts', async () => {
    const { body: submitted } = await raw('?camera=gate&captured_at=2026-01-02T03:04:05Z', sample(1));
    const answer = await api.call('GET', `/v1/images/${submitted.id}`, undefined, { prefer: 'wait=50' });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('preference-applied')).toBe('wait=50');
    const { faces, matches, alerts, timeline, ...image } = answer.body;

    expect(image).toMatchObject({
      id: submitted.id,
      state: 'done',
      code: null,
      message: null,
      purpose: 'probe',
      camera: 'gate',
      captured_at: '2026-01-02T03:04:05.000Z',
      format: 'jpeg',
      byte_length: sample(1).length,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(Date.parse(image.finished_at)).toBeGreaterThan(Date.parse(image.received_at));

    expect(faces.map((face: { ordinal: number }) => face.ordinal)).toEqual([1, 2, 3]);
    for (const face of faces) {
      expect(face).toMatchObject({
        box: {
          x: expect.any(Number),
          y: expect.any(Number),
          width: expect.any(Number),
          height: expect.any(Number),
        },
        crop_url: `/v1/faces/${face.id}/crop`,
        quality: {
          score: expect.any(Number),
          height_px: expect.any(Number),
          sharpness: expect.any(Number),
          yaw: expect.any(Number),
          pitch: expect.any(Number),
          roll: expect.any(Number),
          gate: expect.any(Array),
        },
      });
      expect(face.points).toHaveLength(10);
      expect(face.box.x + face.box.width).toBeLessThanOrEqual(image.width * 1.1);
    }
    expect(faces[2].search).toEqual({
      outcome: 'match',
      nearest: { person_id: expect.any(String), person: 'Ada', similarity: expect.closeTo(0.71, 1) },
    });
    expect(matches).toMatchObject([{ face_id: faces[2].id, person: 'Ada', threshold: expect.closeTo(0.5) }]);
    expect(alerts).toMatchObject([
      {
        id: matches[0].alert_id,
        person: 'Ada',
        camera: 'gate',
        location: 'North gate',
        severity: 'warning',
        state: 'open',
      },
    ]);

    const steps = timeline.map((step: { topic: string; task: string }) => `${step.topic} ${step.task}`);
    expect(steps.toSorted()).toEqual([
      'alert.raised notify',
      ...Array(3).fill('face.detected embed'),
      ...Array(3).fill('face.embedded match'),
      'image.received detect',
      'match.found alert',
    ]);
    for (const step of timeline.filter(({ task }: { task: string | null }) => task !== null)) {
      expect(step).toMatchObject({
        outcome: 'done',
        attempt: 1,
        code: null,
        worker: expect.stringMatching(/:\d+$/),
      });
      expect(step.duration_ms).toBeGreaterThan(0);
      expect(step.waited_ms).toBeGreaterThan(0);
    }
  });

  it('has a picture of each face, as the embedder gets it', async () => {
    const id = await submit(database, sample(2));
    await untilFinal(database, id);
    const { body } = await api.call('GET', `/v1/images/${id}`);
    const crop = await api.call('GET', body.faces[0].crop_url);
    expect(crop.status).toBe(200);
    expect(crop.headers.get('content-type')).toMatch(/^image\/(png|jpeg)$/);
    const [face] = await database.rows('select crop from watchpost.face where id = $1', [body.faces[0].id]);
    expect(Buffer.from(crop.body).equals(face.crop)).toBe(true);
  });

  it('answers at once when the wait is over and the photo is not', async () => {
    await database.rows(`update watchpost.subscription set enabled = false where topic = 'face.detected'`);
    await database.rows(
      `insert into watchpost.subscription (topic, task) values ('face.detected', 'nobody-does-this')`,
    );
    const id = await submit(database, sample(2));
    const answer = await api.call('GET', `/v1/images/${id}`, undefined, { prefer: 'respond-async, wait=1' });
    expect(answer.headers.get('preference-applied')).toBe('wait=1');
    expect(['received', 'processing']).toContain(answer.body.state);
    expect(answer.body.finished_at).toBeNull();
  });

  it('answers at once when the server stops, instead of cutting the call off', async () => {
    const stopping = new AbortController();
    const other = await listen(
      database,
      vision,
      await idleProcess(database, vision, 'resting'),
      {},
      stopping.signal,
    );
    await admit(database, other);
    const id = await submit(database, sample(2));
    const waiting = other.call('GET', `/v1/images/${id}`, undefined, { prefer: 'wait=60' });
    stopping.abort();
    expect(await waiting).toMatchObject({ status: 200, body: { id, finished_at: null } });
  });
});
