import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { createKey } from '../../src/http/key-store.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { addFace, addModel } from '../support/fabricate.ts';
import { realVision } from '../support/pipeline.ts';
import { type Api, admit, bearer, expectProblem, formOf, idleProcess, listen } from './support.ts';

const unknownId = '01890000-0000-7000-8000-000000000000';

let database: TestDatabase;
let api: Api;
/** A sheet of 300 by 200 pixels, transparent but for a black wall along its left edge. */
let sheet: Buffer;

beforeAll(async () => {
  database = await freshDatabase();
  const vision = await realVision();
  api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
  await admit(database, api);
  const wall = await sharp({ create: { width: 20, height: 200, channels: 3, background: '#000000' } })
    .png()
    .toBuffer();
  sheet = await sharp({ create: { width: 300, height: 200, channels: 4, background: '#ff000000' } })
    .composite([{ input: wall, left: 0, top: 0 }])
    .png()
    .toBuffer();
});

const addPlan = async (name: string, fields: Record<string, string> = {}) =>
  (await api.call('POST', '/v1/plans', formOf(sheet, { name, ...fields }))).body;

describe('/v1/plans', () => {
  it('adds a plan and shows its picture, on white, without what the file said beside it', async () => {
    const {
      status,
      headers,
      body: made,
    } = await api.call('POST', '/v1/plans', formOf(sheet, { name: 'ground floor' }));
    expect({ status, made }).toEqual({
      status: 201,
      made: {
        ...{ id: expect.any(String), name: 'ground floor', site: 'default', width: 300, height: 200 },
        ...{ created_at: expect.any(String), cameras: [] },
      },
    });
    expect(headers.get('location')).toBe(`/v1/plans/${made.id}`);
    const picture = await api.call('GET', `/v1/plans/${made.id}/image`);
    expect(picture.headers.get('content-type')).toBe('image/webp');
    const { data, info } = await sharp(picture.body).raw().toBuffer({ resolveWithObject: true });
    expect(info).toMatchObject({ width: 300, height: 200, channels: 3 });
    expect([data[3 * 5], data[3 * 200]].map((value) => Math.round((value as number) / 255))).toEqual([0, 1]);
    const etag = picture.headers.get('etag') as string;
    const again = await api.call('GET', `/v1/plans/${made.id}/image`, undefined, { 'if-none-match': etag });
    expect(again.status).toBe(304);
  });

  it('stores a photo of a plan upright, without the place where it was taken', async () => {
    const photo = await sharp(sheet)
      .flatten()
      .withExif({ IFD0: { Artist: 'Somebody' }, IFD3: { GPSLatitude: '52/1 31/1 0/1' } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    const { body: made } = await api.call('POST', '/v1/plans?name=photographed', photo, {
      'content-type': 'image/jpeg',
    });
    expect(made).toMatchObject({ name: 'photographed', width: 200, height: 300 });
    const picture = await api.call('GET', `/v1/plans/${made.id}/image`);
    expect((await sharp(picture.body).metadata()).exif).toBeUndefined();
  });

  it('renames a plan, gives it another picture, and removes it, on record', async () => {
    const made = await addPlan('draft');
    const address = `/v1/plans/${made.id}`;
    const larger = await sharp(sheet).resize(8192, 800, { fit: 'fill' }).png().toBuffer();
    expect((await api.call('PATCH', address, { name: 'cellar' })).body.name).toBe('cellar');
    expect((await api.call('PUT', `${address}/image`, formOf(larger))).body).toMatchObject({
      width: 4096,
      height: 400,
    });
    expect((await api.call('GET', '/v1/plans')).body.plans.map(({ name }: { name: string }) => name)).toEqual(
      ['cellar', 'ground floor', 'photographed'],
    );
    expect((await api.call('DELETE', address)).status).toBe(204);
    for (const [method, path, body] of [
      ['GET', address],
      ['GET', `${address}/image`],
      ['PATCH', address, { name: 'x' }],
      ['PUT', `${address}/image`, formOf(sheet)],
      ['DELETE', address],
    ] as const) {
      expectProblem(await api.call(method, path, body), 'plan_unknown');
    }
    const events = await database.rows(
      `select payload ->> 'change' as change, payload ->> 'by' as by, payload -> 'new' as new
       from watchpost.event where topic = 'plan.changed' and subject_id = $1 order by id`,
      [made.id],
    );
    const by = expect.stringMatching(/^api:/);
    expect(events).toEqual([
      {
        change: 'created',
        by,
        new: { name: 'draft', width: 300, height: 200, image_sha256: expect.any(String) },
      },
      { change: 'updated', by, new: { name: 'cellar' } },
      { change: 'updated', by, new: { width: 4096, height: 400, image_sha256: expect.any(String) } },
      { change: 'deleted', by, new: {} },
    ]);
  });

  it('take nothing beside the picture that replaces theirs', async () => {
    const { id } = await addPlan('attic');
    const { detail } = expectProblem(
      await api.call('PUT', `/v1/plans/${id}/image`, formOf(sheet, { nte: 'seen' })),
      'body_invalid',
    );
    expect(detail).toContain('There is no field "nte" here');
  });

  it('refuses what is no picture, a name that is taken, and fields that are missing', async () => {
    const post = (body: unknown, query = '') => api.call('POST', `/v1/plans${query}`, body);
    expectProblem(
      await post(formOf(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), { name: 'drawn' })),
      'image_format_unsupported',
    );
    expectProblem(await post(formOf(sheet.subarray(0, 20), { name: 'cut' })), 'image_corrupt');
    expectProblem(await post(formOf(sheet)), 'body_invalid');
    expectProblem(await post(formOf(sheet, { name: 'ground floor' })), 'name_taken');
    expectProblem(await post(formOf(sheet, { name: 'there', site: 'nowhere' })), 'site_unknown');
    expect(await database.rows(`select from watchpost.plan where name in ('drawn', 'cut', 'there')`)).toEqual(
      [],
    );
  });
});

describe('cameras on a plan', () => {
  it('are placed, moved and taken off, and stay when the plan is removed', async () => {
    const plan = await addPlan('first floor');
    const { body: made } = await api.call('POST', '/v1/cameras', {
      ...{ name: 'stairs', location: 'Stairs', plan: { id: plan.id, x: 0.25, y: 1 } },
    });
    expect(made.plan).toEqual({ id: plan.id, x: 0.25, y: 1 });
    const place = async (point: unknown) =>
      (await api.call('PATCH', `/v1/cameras/${made.id}`, { plan: point })).body.plan;
    expect(await place({ id: plan.id, x: 0.5, y: 0 })).toEqual({ id: plan.id, x: 0.5, y: 0 });
    const onPlan = async () => (await api.call('GET', `/v1/plans/${plan.id}`)).body.cameras;
    expect(await onPlan()).toEqual([{ id: made.id, name: 'stairs', x: 0.5, y: 0 }]);
    expect(await place(null)).toBeNull();
    expect(await onPlan()).toEqual([]);
    await place({ id: plan.id, x: 0.5, y: 0 });
    await api.call('DELETE', `/v1/plans/${plan.id}`);
    expect((await api.call('GET', `/v1/cameras/${made.id}`)).body).toMatchObject({
      name: 'stairs',
      plan: null,
    });
  });

  it('are on plans of their own site only', async () => {
    await api.call('POST', '/v1/sites', { name: 'south' });
    const there = await addPlan('pier', { site: 'south' });
    const { body: camera } = await api.call('POST', '/v1/cameras', { name: 'here', location: 'Here' });
    const place = (plan: unknown) => api.call('PATCH', `/v1/cameras/${camera.id}`, { plan });
    expectProblem(await place({ id: there.id, x: 0, y: 0 }), 'plan_unknown');
    expectProblem(await place({ id: unknownId, x: 0, y: 0 }), 'plan_unknown');
    expectProblem(await place({ id: there.id, x: 1.5, y: 0 }), 'body_invalid');
    expectProblem(await place({ id: there.id }), 'body_invalid');
    await expect(
      database.rows('update watchpost.camera set plan_id = $1, plan_x = 0, plan_y = 0 where id = $2', [
        there.id,
        camera.id,
      ]),
    ).rejects.toMatchObject({ code: '23503' });
  });

  it('and plans are seen by the keys of their site only', async () => {
    const south = await createKey(database.db, { name: 'south', scopes: ['administer'], sites: ['south'] });
    const here = await addPlan('hidden');
    const ask = (method: string, path: string, body?: unknown) =>
      api.call(method, path, body, bearer(south.key));
    expect((await ask('GET', '/v1/plans')).body.plans.map(({ name }: { name: string }) => name)).toEqual([
      'pier',
    ]);
    expectProblem(await ask('GET', `/v1/plans/${here.id}/image`), 'plan_unknown');
    expectProblem(await ask('DELETE', `/v1/plans/${here.id}`), 'plan_unknown');
    expect((await ask('POST', '/v1/plans', formOf(sheet, { name: 'jetty' }))).body.site).toBe('south');
    const reader = await createKey(database.db, { name: 'reader', scopes: ['read'] });
    const asReader = await api.call('POST', '/v1/plans', formOf(sheet, { name: 'mine' }), bearer(reader.key));
    expectProblem(asReader, 'scope_missing');
  });
});

describe('the last photo of a camera', () => {
  it('is the one that was taken last, with the number of its faces', async () => {
    const model = await addModel(database, 'last', 4);
    const { body: camera } = await api.call('POST', '/v1/cameras', { name: 'busy', location: 'Busy' });
    expect((await api.call('GET', `/v1/cameras/${camera.id}`)).body.last_image).toBeNull();
    const take = (capturedAt: string) =>
      addFace(database, { ...{ model, vector: [1, 0, 0, 0], camera: 'busy', capturedAt } });
    const { imageId } = await take('2026-03-02T10:00:00Z');
    await take('2026-03-01T10:00:00Z');
    const { body } = await api.call('GET', '/v1/cameras');
    const { last_image } = body.cameras.find(({ id }: { id: string }) => id === camera.id);
    expect(last_image).toMatchObject({ id: imageId, faces: 1 });
    expect(new Date(last_image.captured_at).toISOString()).toBe('2026-03-02T10:00:00.000Z');
  });
});
