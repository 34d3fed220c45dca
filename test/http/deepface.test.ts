import { beforeAll, describe, expect, it } from 'vitest';
import type { Vision } from '../../src/vision/index.ts';
import { emptyScene } from '../evaluation/labelled.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';
import { portrait } from '../support/portraits.ts';
import { type Answer, type Api, admit, idleProcess, listen } from './support.ts';

let database: TestDatabase;
let vision: Vision;
/** One that keeps vectors, which is the default, and one that gives them. */
let api: Api;
let giving: Api;
const photos = { img1: '', img2: '', other: '', empty: '' };

beforeAll(async () => {
  database = await freshDatabase();
  vision = await realVision();
  const process = await idleProcess(database, vision, 'resting');
  api = await listen(database, vision, process, { compatibility: ['deepface'] });
  giving = await listen(database, vision, process, { compatibility: ['deepface'], giveVectors: true });
  await admit(database, api);
  const encoded = (bytes: Buffer) => `data:image/jpeg;base64,${bytes.toString('base64')}`;
  photos.img1 = encoded(await portrait(vision, 3, 2));
  photos.img2 = encoded(await portrait(vision, 1, 3));
  photos.other = encoded(await portrait(vision, 5, 3));
  photos.empty = encoded(await emptyScene());
});

const post = async (
  path: string,
  body: object | FormData,
  to: Api = api,
): Promise<Pick<Answer, 'status' | 'body'>> => {
  const answer = await fetch(new URL(`/deepface${path}`, to.url), {
    method: 'POST',
    headers: {
      authorization: `Bearer ${api.key}`,
      ...(body instanceof FormData ? {} : { 'content-type': 'application/json' }),
    },
    body: body instanceof FormData ? body : JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.json() };
};

const formOf = (files: Record<string, string>, fields: Record<string, string>): FormData => {
  const form = new FormData();
  for (const [name, photo] of Object.entries(files)) {
    form.append(name, new Blob([Buffer.from(photo.split(',')[1] as string, 'base64')]), `${name}.jpg`);
  }
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return form;
};

const latestAccess = async () =>
  (await database.rows('select action, details from watchpost.access order by id desc limit 1'))[0];

// tests/test_api.py and deepface/api/postman of github.com/serengil/deepface, with photos as base64.
describe("the requests of DeepFace's documentation", () => {
  it('POST /verify says whether two photos show one person', async () => {
    const same = await post('/verify', { img1: photos.img1, img2: photos.img2 });
    expect(same).toMatchObject({
      status: 200,
      body: {
        verified: true,
        distance: expect.closeTo(0.27, 1),
        threshold: 0.5,
        model: vision.embedder.id,
        similarity_metric: 'cosine',
        detector_backend: vision.detector.id,
        facial_areas: {
          img1: {
            x: expect.any(Number),
            y: expect.any(Number),
            w: expect.any(Number),
            h: expect.any(Number),
          },
          img2: { left_eye: [expect.any(Number), expect.any(Number)] },
        },
        time: expect.any(Number),
      },
    });
    // The person's own left eye is the right one of the picture.
    const { left_eye, right_eye } = same.body.facial_areas.img1;
    expect(left_eye[0]).toBeGreaterThan(right_eye[0]);
    expect(await latestAccess()).toMatchObject({ action: 'compare' });

    const different = await post('/verify', {
      img1: photos.img1,
      img2: photos.other,
      model_name: 'Facenet',
      detector_backend: 'mtcnn',
      distance_metric: 'euclidean',
    });
    expect(different.body).toMatchObject({ verified: false, similarity_metric: 'euclidean', threshold: 1 });
    expect(different.body.distance).toBeGreaterThan(1);
    const strict = await post('/verify', { img1: photos.img1, img2: photos.img2, threshold: 0.1 });
    expect(strict.body).toMatchObject({ verified: false, threshold: expect.closeTo(0.1) });
  });

  it('takes files in a form, and the former names of the fields', async () => {
    const form = formOf(
      { img1: photos.img1, img2: photos.img2 },
      { model_name: 'Facenet', detector_backend: 'mtcnn', distance_metric: 'euclidean' },
    );
    expect((await post('/verify', form)).body).toMatchObject({ verified: true });
    const former = await post('/verify', { img1_path: photos.img1, img2_path: photos.img2 });
    expect(former.body).toMatchObject({ verified: true });
  });

  it('POST /represent gives vectors only where the setting says so', async () => {
    const call = { model_name: 'Facenet', detector_backend: 'mtcnn', img: photos.img1 };
    expect(await post('/represent', call)).toMatchObject({
      status: 403,
      body: { code: 'vectors_kept', error: expect.stringMatching(/WATCHPOST_VECTORS=give/) },
    });
    const { status, body } = await post('/represent', { ...call, max_faces: null }, giving);
    expect(status).toBe(200);
    expect(body.results).toMatchObject([
      { facial_area: { w: expect.any(Number) }, face_confidence: expect.any(Number) },
    ]);
    expect(body.results[0].embedding).toHaveLength(vision.embedder.dimension);
    expect(await latestAccess()).toMatchObject({ action: 'detect' });
  });

  it('POST /analyze estimates age and gender where they are switched on, and says what it leaves out', async () => {
    const call = { img: photos.img1, actions: ['age', 'gender', 'emotion', 'race'] };
    expect(await post('/analyze', call)).toMatchObject({
      status: 409,
      body: { code: 'describe_off', error: expect.stringMatching(/watchpost describe on/) },
    });
    await database.rows(`select watchpost.switch_task('describe', true, 'test')`);
    const { status, body } = await post('/analyze', call);
    expect(status).toBe(200);
    expect(body.results).toMatchObject([
      {
        age: expect.any(Number),
        dominant_gender: 'Woman',
        gender: { Woman: expect.any(Number), Man: expect.any(Number) },
        region: { x: expect.any(Number), left_eye: [expect.any(Number), expect.any(Number)] },
      },
    ]);
    expect(body.left_out).toEqual(['emotion', 'race']);
    const form = formOf({ img: photos.img1 }, { actions: '["age", "gender"]', detector_backend: 'mtcnn' });
    expect((await post('/analyze', form)).body).toMatchObject({
      results: [{ dominant_gender: 'Woman' }],
      left_out: [],
    });
    const several = { img: `data:image/jpeg;base64,${sample(4).toString('base64')}`, actions: ['age'] };
    const { results } = (await post('/analyze', several)).body;
    expect(results).toHaveLength(4);
    expect(results[0]).not.toHaveProperty('gender');
  });

  it('answers 400 to a photo without a face, unless enforce_detection is off', async () => {
    expect(await post('/verify', { img1: photos.img1, img2: photos.empty })).toMatchObject({
      status: 400,
      body: { code: 'face_missing', error: expect.stringMatching(/could not be detected/) },
    });
    const call = { img: photos.empty, enforce_detection: false };
    expect(await post('/represent', call, giving)).toMatchObject({ status: 200, body: { results: [] } });
    expect(await post('/represent', { img: photos.empty }, giving)).toMatchObject({ status: 400 });
  });
});

describe('what DeepFace does and this does not', () => {
  it.each([
    [
      'a path of the server',
      { img1: 'dataset/img1.jpg', img2: '/etc/passwd' },
      /Paths and URLs are not read/,
    ],
    ['a URL', { img1: 'https://photos.example/1.jpg', img2: 'x' }, /Paths and URLs are not read/],
    ['no photo', { img1: undefined }, /img1.* not found/],
    ['anti-spoofing', { anti_spoofing: true }, /anti_spoofing/],
    ['an unknown field', { database: 'postgres' }, /database/],
  ])('%s is refused with a sentence', async (_, fields, sentence) => {
    const answer = await post('/verify', { img1: photos.img1, img2: photos.img2, ...fields });
    expect(answer).toMatchObject({ status: 400, body: { error: expect.stringMatching(sentence) } });
  });

  it('answers nobody without a key', async () => {
    const answer = await fetch(new URL('/deepface/verify', api.url), { method: 'POST' });
    expect([answer.status, await answer.json()]).toEqual([
      401,
      { error: expect.stringMatching(/API key/), code: 'key_missing' },
    ]);
  });
});
