import { beforeAll, describe, expect, it } from 'vitest';
import type { Vision } from '../../src/vision/index.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';
import { type Api, admit, expectProblem, idleProcess, listen } from './support.ts';

describe('a backlog that is full', () => {
  let database: TestDatabase;
  let vision: Vision;

  beforeAll(async () => {
    database = await freshDatabase();
    vision = await realVision();
  });

  const post = (api: Api) => api.call('POST', '/v1/images', sample(1), { 'content-type': 'image/jpeg' });

  it('refuses a POST of a key that has too many photos waiting, with Retry-After', async () => {
    const api = await listen(database, vision, await idleProcess(database, vision, 'resting'), {
      maxBacklogPerKey: 2,
    });
    await admit(database, api);
    expect((await post(api)).status).toBe(202);
    expect((await post(api)).status).toBe(202);
    const refused = await post(api);
    expectProblem(refused, 'backlog_full');
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
  });

  it('counts the photos of all keys, in jobs and in the outbox, and never refuses an INSERT', async () => {
    const process = await idleProcess(database, vision, 'resting');
    await database.rows('select watchpost.relay()');
    const [waiting] = await database.rows('select sum(images)::int as images from watchpost.backlog');
    expect(waiting.images).toBe(2);
    const api = await listen(database, vision, process, { maxBacklog: 2 });
    await admit(database, api);
    expectProblem(await post(api), 'backlog_full');
    await database.rows('select watchpost.submit_image($1)', [sample(1)]);
    const [more] = await database.rows('select sum(images)::int as images from watchpost.backlog');
    expect(more.images).toBe(3);
  });
});
