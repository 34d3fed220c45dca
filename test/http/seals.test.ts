import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { realVision } from '../support/pipeline.ts';
import { sealAll, submitMany, tamper } from '../support/record.ts';
import { type Api, admit, bearer, expectProblem, idleProcess, keyWith, listen } from './support.ts';

let database: TestDatabase;
let api: Api;
beforeAll(async () => {
  database = await freshDatabase();
  const vision = await realVision();
  api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
  await admit(database, api);
  await submitMany(database, 30);
  // A seal of each event: more than one call compares.
  await sealAll(database, 1);
});

describe('the seals over HTTP', () => {
  it('are listed page by page, the latest first', async () => {
    const { body } = await api.call('GET', '/v1/seals?limit=3');
    const [{ last }] = await database.rows('select max(number)::integer as last from watchpost.seal');
    expect(body.seals.map(({ number }: { number: number }) => number)).toEqual([last, last - 1, last - 2]);
    expect(body.seals[0]).toMatchObject({ kind: expect.stringMatching(/event|handling/), row_count: 1 });
    const next = await api.call('GET', `/v1/seals?limit=3&after=${body.next}`);
    expect(next.body.seals[0].number).toBe(last - 3);
  });

  /** All parts of the comparison, in turn. */
  const compare = async () => {
    const parts = [];
    for (let first: number | null = 1; first !== null; first = parts.at(-1)?.next ?? null)
      parts.push((await api.call('GET', `/v1/seals/comparison?first=${first}`)).body);
    return parts;
  };

  it('agree with the record, and name the row that was altered', async () => {
    const good = await compare();
    expect(good.length).toBeGreaterThan(1);
    expect(good.flatMap(({ findings }) => findings)).toEqual([]);
    expect(good.reduce((sum, { compared }) => sum + compared, 0)).toBe(good[0].seals);

    const [{ id }] = await database.rows('select id from watchpost.event order by id desc limit 1');
    await tamper(database, `update watchpost.event set topic = 'image.lost' where id = '${id}'`);
    const bad = (await compare()).flatMap(({ findings }) => findings);
    expect(bad).toMatchObject([{ what: 'row_altered', relation: 'event', row_id: id }]);
  });

  it('are for who sees all sites, and so is pausing a task', async () => {
    const [site] = await database.rows(`insert into watchpost.site (name) values ('south') returning id`);
    const { key } = await keyWith(database, { scopes: ['administer'], sites: [site.id] });
    for (const [method, path] of [
      ['GET', '/v1/seals'],
      ['GET', '/v1/seals/comparison'],
      ['POST', '/v1/tasks/detect/pause'],
      ['POST', '/v1/tasks/detect/resume'],
    ] as const)
      expectProblem(await api.call(method, path, undefined, bearer(key)), 'site_limited');
    expect(await database.rows('select task from watchpost.task_pause')).toEqual([]);
  });
});

describe('POST /v1/tasks/{task}/pause and resume', () => {
  it('let workers leave a task alone, and take it up again', async () => {
    expect((await api.call('POST', '/v1/tasks/detect/pause')).status).toBe(204);
    expect((await api.call('POST', '/v1/tasks/detect/pause')).status).toBe(204);
    expect(await database.rows('select task from watchpost.task_pause')).toEqual([{ task: 'detect' }]);
    expect((await api.call('POST', '/v1/tasks/detect/resume')).status).toBe(204);
    expect(await database.rows('select task from watchpost.task_pause')).toEqual([]);
    expectProblem(await api.call('POST', '/v1/tasks/detcet/pause'), 'task_unknown');
  });
});
