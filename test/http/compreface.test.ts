import { writeFile } from 'node:fs/promises';
import { basename, relative } from 'node:path';
import { CompreFace } from '@exadel/compreface-js-sdk';
import sharp from 'sharp';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { readSource } from '../../src/transfer/source.ts';
import type { Vision } from '../../src/vision/index.ts';
import { addToWatchlist, addWatchlist } from '../../src/watchlist/registry.ts';
import { temporaryFolder } from '../commands/support.ts';
import { emptyScene } from '../evaluation/labelled.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision, runWorker, untilIdle } from '../support/pipeline.ts';
import { portrait } from '../support/portraits.ts';
import { startNode } from '../support/processes.ts';
import { openRaw, readAnswer } from '../support/raw-call.ts';
import { type Answer, type Api, admit, ask, listen } from './support.ts';

let database: TestDatabase;
let vision: Vision;
let api: Api;
/** Paths as the SDK takes them: relative, or it sends the path itself. */
const paths = { ada: '', adaAgain: '', bea: '', group: '', empty: '' };

beforeAll(async () => {
  database = await freshDatabase();
  vision = await realVision();
  const worker = await runWorker(database, vision);
  const process = { id: worker.id, nudge: () => worker.nudge() };
  api = await listen(database, vision, process, { compatibility: ['compreface'] });
  await admit(database, api);
  const folder = await temporaryFolder();
  const photos = {
    ada: await portrait(vision, 3, 2),
    adaAgain: await portrait(vision, 1, 3),
    bea: await portrait(vision, 5, 3),
    group: sample(1),
    empty: await emptyScene(),
  };
  for (const [name, bytes] of Object.entries(photos)) {
    await writeFile(`${folder}/${name}.jpg`, bytes);
    paths[name as keyof typeof paths] = relative(globalThis.process.cwd(), `${folder}/${name}.jpg`);
  }
});

const latestAccess = async () =>
  (
    await database.rows(
      'select action, actor, person_ids, details from watchpost.access order by id desc limit 1',
    )
  )[0];

describe("CompreFace's own SDK, @exadel/compreface-js-sdk", () => {
  // Its declarations miss half of it, and have the port as a number, which leaves no place for a prefix.
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  const sdk = (): any => {
    const { protocol, hostname, port } = new URL(api.url);
    // biome-ignore lint/suspicious/noExplicitAny: as above.
    return new (CompreFace as any)(`${protocol}//${hostname}`, `${port}/compreface`);
  };
  const recognition = () => sdk().initFaceRecognitionService(api.key);
  // Its functions change their address, so each call needs a new one. It also prints the key.
  const subjects = () => recognition().getSubjects();
  const faces = () => recognition().getFaceCollection();

  beforeAll(() => {
    const silent = vi.spyOn(console, 'log').mockImplementation(() => {});
    return () => silent.mockRestore();
  });

  it('adds, lists, renames and deletes subjects', async () => {
    expect(await subjects().list()).toEqual({ subjects: [] });
    expect(await subjects().add('Grace')).toEqual({ subject: 'Grace' });
    await expect(subjects().add('Grace')).rejects.toMatchObject({
      response: { status: 400, data: { code: 43, message: expect.stringMatching(/Grace/) } },
    });
    expect(await subjects().add('Eve')).toEqual({ subject: 'Eve' });
    expect(await subjects().rename('Grace', 'Hopper')).toEqual({ updated: true });
    expect(await subjects().list()).toEqual({ subjects: ['Eve', 'Hopper'] });
    expect(await subjects().delete('Eve')).toEqual({ subject: 'Eve' });
    await expect(subjects().delete('Eve')).rejects.toMatchObject({
      response: { status: 404, data: { code: 42 } },
    });
    expect(await subjects().deleteAll()).toEqual({ deleted: 1 });
    expect(await subjects().list()).toEqual({ subjects: [] });
  });

  it('adds, lists, shows and deletes examples', async () => {
    const added = await faces().add(paths.ada, 'Ada');
    expect(added).toEqual({ image_id: expect.any(String), subject: 'Ada' });
    expect(await faces().list()).toEqual({
      faces: [added],
      page_number: 0,
      page_size: 20,
      total_pages: 1,
      total_elements: 1,
    });
    expect(await subjects().list()).toEqual({ subjects: ['Ada'] });
    expect(await database.rows('select name from watchpost.watchlist')).toEqual([{ name: 'compreface' }]);

    const other = await faces().add(paths.bea, 'Bea');
    expect(await faces().delete(other.image_id)).toEqual(other);
    await expect(faces().delete(other.image_id)).rejects.toMatchObject({
      response: { status: 404, data: { code: 44 } },
    });
    const again = await faces().add(paths.bea, 'Bea');
    expect(again.image_id).not.toBe(other.image_id);
    expect(await faces().delete_all_subject('Bea')).toEqual({ deleted: 1 });
    expect((await faces().list()).total_elements).toBe(1);
  });

  it('is told why a photo is no example, and leaves nothing behind', async () => {
    const before = await database.rows('select count(*)::int from watchpost.image');
    await expect(faces().add(paths.empty, 'Nobody')).rejects.toMatchObject({
      response: { status: 400, data: { code: 28 } },
    });
    await expect(faces().add(paths.group, 'Nobody')).rejects.toMatchObject({
      response: { status: 400, data: { code: 31 } },
    });
    expect(await subjects().list()).not.toMatchObject({ subjects: expect.arrayContaining(['Nobody']) });
    expect(await database.rows('select count(*)::int from watchpost.image')).toEqual(before);
  });

  it('recognizes subjects, with the plugins that are there', async () => {
    const { result } = await recognition().recognize(paths.group, { limit: 0, prediction_count: 3 });
    expect(result).toHaveLength(3);
    const her = result.find(({ box }: { box: { x_min: number } }) => box.x_min > 1400);
    expect(her).toMatchObject({
      subjects: [{ subject: 'Ada', similarity: expect.closeTo(0.7275, 1) }],
      box: { probability: expect.closeTo(0.99, 1), x_min: expect.any(Number), y_max: expect.any(Number) },
    });
    expect(her).not.toHaveProperty('embedding');
    const [ada] = await database.rows(`select id from watchpost.person where name = 'Ada'`);
    expect(await latestAccess()).toMatchObject({ action: 'search', person_ids: [ada.id] });

    const found = await recognition().recognize(paths.group, {
      limit: 1,
      det_prob_threshold: 0.5,
      face_plugins: 'landmarks,pose,age,gender,mask',
      status: true,
    });
    expect(found.plugins_versions).toMatchObject({
      detector: expect.any(String),
      calculator: vision.embedder.id,
    });
    expect(found.result).toHaveLength(1);
    expect(found.result[0].landmarks).toHaveLength(5);
    expect(found.result[0].pose).toMatchObject({ yaw: expect.any(Number) });
    // Age and gender are off.
    expect(found.result[0]).not.toHaveProperty('age');
    await expect(recognition().recognize(paths.empty, { limit: 0 })).rejects.toMatchObject({
      response: { status: 400, data: { code: 28 } },
    });
  });

  it('gives age and gender once somebody has switched them on', async () => {
    await database.rows(`select watchpost.switch_task('describe', true, 'test')`);
    const { result } = await recognition().recognize(paths.ada, { limit: 1, face_plugins: 'age,gender' });
    expect(result[0]).toMatchObject({
      gender: { value: 'female', probability: expect.any(Number) },
      age: { low: expect.any(Number), high: expect.any(Number) },
    });
    await database.rows(`select watchpost.switch_task('describe', false, 'test')`);
  });

  it('does not get a vector unless the setting says so', async () => {
    await expect(
      recognition().recognize(paths.ada, { limit: 1, face_plugins: 'calculator' }),
    ).rejects.toMatchObject({ response: { status: 403, data: { error: 'vectors_kept' } } });
  });

  it('verifies a photo with an example, and detects faces', async () => {
    const { faces: all } = await faces().list();
    const { result } = await faces().verify(paths.adaAgain, all[0].image_id, { limit: 1 });
    expect(result).toMatchObject([{ similarity: expect.closeTo(0.73, 1), box: expect.anything() }]);
    await expect(
      faces().verify(paths.adaAgain, '01890000-0000-7000-8000-000000000000'),
    ).rejects.toMatchObject({ response: { status: 404, data: { code: 44 } } });

    const detection = sdk().initFaceDetectionService(api.key);
    const detected = await detection.detect(paths.group, { limit: 2, face_plugins: 'landmarks' });
    expect(detected.result).toHaveLength(2);
    expect(await latestAccess()).toMatchObject({ action: 'detect' });
  });

  it('verifies two photos', async () => {
    const verification = sdk().initFaceVerificationService(api.key);
    const { result } = await verification.verify(paths.ada, paths.group, { limit: 0 });
    expect(result[0].source_image_face).toMatchObject({ box: expect.anything() });
    expect(result[0].face_matches).toHaveLength(3);
    const similarities = result[0].face_matches.map(({ similarity }: { similarity: number }) => similarity);
    expect(Math.max(...similarities)).toBeCloseTo(0.73, 1);
    await expect(verification.verify(paths.group, paths.ada)).rejects.toMatchObject({
      response: { status: 400, data: { code: 31 } },
    });
    expect(await latestAccess()).toMatchObject({ action: 'compare' });
  });
});

/** A call that is not one of the document at /openapi.json. */
const call = async (
  method: string,
  path: string,
  body?: unknown,
  key: string | null = api.key,
): Promise<Answer> => {
  const answer = await fetch(new URL(`/compreface/api/v1${path}`, api.url), {
    method,
    headers: { 'content-type': 'application/json', ...(key === null ? {} : { 'x-api-key': key }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const { status, headers } = answer;
  const isJson = headers.get('content-type')?.includes('json');
  return { status, headers, body: isJson ? await answer.json() : new Uint8Array(await answer.arrayBuffer()) };
};

/** A multipart form in chunks and without a length, as the packages axios and form-data send a stream. */
const sendForm = async (target: string, file: Buffer): Promise<ReturnType<typeof readAnswer>> => {
  const boundary = '--------------------------515890814546601021194782';
  const parts = [
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="snapshot.jpg"\r\nContent-Type: image/jpeg\r\n\r\n`,
    ),
    file,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ];
  const raw = await openRaw(api.url);
  raw.write(
    `POST ${target} HTTP/1.1\r\nAccept: application/json, text/plain, */*\r\nContent-Type: multipart/form-data; boundary=${boundary}\r\nx-api-key: ${api.key}\r\nUser-Agent: axios/0.21.1\r\nHost: ${new URL(api.url).host}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n`,
  );
  for (const part of parts) {
    raw.write(`${part.length.toString(16)}\r\n`);
    raw.write(part);
    raw.write('\r\n');
  }
  raw.write('0\r\n\r\n');
  return readAnswer(await raw.closed);
};

// api/src/util/detectors/compreface.js of github.com/jakowenko/double-take: train, recognize and remove.
describe('the requests of Double Take', () => {
  it('train, recognize and remove', async () => {
    const trained = await sendForm(
      '/compreface/api/v1/recognition/faces?subject=bea',
      await portrait(vision, 5, 3),
    );
    expect(trained).toMatchObject({ status: 201, body: { image_id: expect.any(String), subject: 'bea' } });

    // Without face plugins in its settings it sends the word undefined.
    const recognized = await sendForm(
      '/compreface/api/v1/recognition/recognize?face_plugins=undefined&det_prob_threshold=0.8',
      sample(5),
    );
    expect(recognized.status).toBe(200);
    const [face] = recognized.body.result.filter(
      ({ subjects: [one] }: { subjects: { similarity: number }[] }) => (one?.similarity ?? 0) > 0.5,
    );
    expect(face.subjects[0].subject).toBe('bea');
    for (const corner of ['x_min', 'x_max', 'y_min', 'y_max'])
      expect(face.box[corner]).toEqual(expect.any(Number));

    const nobody = await sendForm(
      '/compreface/api/v1/recognition/recognize?det_prob_threshold=0.8',
      await emptyScene(),
    );
    // It takes code 28 for a photo without faces, and everything else for a failure.
    expect(nobody).toMatchObject({ status: 400, body: { code: 28, message: expect.any(String) } });

    const removed = await call('DELETE', '/recognition/faces?subject=bea');
    expect(removed).toMatchObject({ status: 200, body: { deleted: 1 } });
  });
});

describe('the calls of CompreFace that its SDK does not make', () => {
  it('takes photos as base64, and gives the file of an example', async () => {
    const ada = await portrait(vision, 1, 3);
    const added = await call('POST', '/recognition/faces?subject=Ada', { file: ada.toString('base64') });
    expect(added).toMatchObject({ status: 201, body: { subject: 'Ada' } });
    const file = await call('GET', `/recognition/faces/${added.body.image_id}/img`);
    expect(file.headers.get('content-type')).toBe('image/jpeg');
    expect(Buffer.from(file.body).equals(ada)).toBe(true);
    expect(await latestAccess()).toMatchObject({ action: 'photo' });
    // As that of a face that a camera has seen which is mounted turned.
    await database.rows('update watchpost.image set rotation = 90 where sha256 = sha256($1)', [ada]);
    const turned = await call('GET', `/recognition/faces/${added.body.image_id}/img`);
    expect((await sharp(Buffer.from(turned.body)).metadata()).orientation).toBe(6);
    const page = await call('GET', '/recognition/faces?page=1&size=1&subject=Ada');
    expect(page.body).toMatchObject({
      faces: [added.body],
      page_number: 1,
      total_pages: 2,
      total_elements: 2,
    });
    const many = await call('POST', '/recognition/faces/delete', [
      added.body.image_id,
      '01890000-0000-7000-8000-000000000000',
    ]);
    expect(many.body).toEqual([added.body]);
  });

  it('refuses what it would ignore, and callers without a key', async () => {
    const photo = sample(1).toString('base64');
    const wrong = await call('POST', '/recognition/recognize?threshold=0.5', { file: photo });
    expect(wrong).toMatchObject({
      status: 400,
      body: { code: 36, message: expect.stringMatching(/threshold/) },
    });
    const crop = await call('POST', '/recognition/recognize?detect_faces=false', { file: photo });
    expect(crop).toMatchObject({ status: 400, body: { code: 36 } });
    const missing = await call('POST', '/recognition/recognize', {});
    expect(missing).toMatchObject({
      status: 400,
      body: { code: 34, message: expect.stringMatching(/file/) },
    });
    const stranger = await call('GET', '/recognition/subjects', undefined, null);
    expect(stranger).toMatchObject({ status: 401, body: { code: 20 } });
  });

  it('of two subjects that get one name makes one person', async () => {
    await call('POST', '/recognition/subjects', { subject: 'Countess' });
    expect((await call('PUT', '/recognition/subjects/Countess', { subject: 'Ada' })).body).toEqual({
      updated: true,
    });
    expect((await call('GET', '/recognition/subjects')).body.subjects).not.toContain('Countess');
  });

  it('does not delete a person who is on another list', async () => {
    const list = await addWatchlist(database.db, { name: 'wanted' });
    const [ada] = await database.rows(`select id from watchpost.person where name = 'Ada'`);
    await addToWatchlist(database.db, list.id, ada.id);
    expect((await call('DELETE', '/recognition/subjects/Ada')).body).toEqual({ subject: 'Ada' });
    expect((await call('GET', '/recognition/subjects')).body.subjects).not.toContain('Ada');
    expect(await database.rows(`select id from watchpost.person where name = 'Ada'`)).toEqual([ada]);
    await untilIdle(database);
  });

  it('is what examples/export-compreface.mjs copies people from, for import', async () => {
    const cleo = (await portrait(vision, 6, 1)).toString('base64');
    const name = '../Cleo & co';
    const added = await call('POST', `/recognition/faces?subject=${encodeURIComponent(name)}`, {
      file: cleo,
    });
    expect(added.status).toBe(201);
    const folder = await temporaryFolder();
    const program = startNode(['examples/export-compreface.mjs', folder], {
      COMPREFACE_URL: `${api.url}/compreface`,
      COMPREFACE_API_KEY: api.key,
    });
    expect([await program.ended, program.stderr]).toEqual([0, '']);
    const { people, refused } = await readSource(folder);
    expect(refused).toEqual([]);
    const copied = people.find((person) => person.name === name);
    expect(copied?.at.startsWith(`${folder}/`)).toBe(true);
    expect(copied?.photos.map(({ file }) => basename(file))).toEqual([`${added.body.image_id}.jpg`]);
  });

  it('is not there unless the setting says so', async () => {
    const plain = await listen(database, vision, { id: '', nudge: () => {} });
    const answer = await ask(new URL('/compreface/api/v1/recognition/subjects', plain.url), 'GET');
    expect(answer).toMatchObject({ status: 404, body: { code: 'route_unknown' } });
  });
});
