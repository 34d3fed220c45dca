import { beforeAll, describe, expect, it } from 'vitest';
import { type Api, serve } from '../http/support.ts';
import type { TestDatabase } from '../support/database.ts';
import { samplePath } from '../support/photos.ts';
import { enrolAda } from '../support/pipeline.ts';
import { watchpost } from './support.ts';

let database: TestDatabase;
let api: Api;

beforeAll(async () => {
  ({ database, api } = await serve());
  await enrolAda(database);
  await database.rows(`insert into watchpost.camera (name, location) values ('gate', 'North gate')`);
});

const submit = (...args: string[]) =>
  watchpost(['submit', ...args], {
    // Nothing listens there: the database is the API's affair.
    DATABASE_URL: 'postgres://nobody@127.0.0.1:9/none',
    WATCHPOST_API_KEY: api.key,
  });

describe('submit --api', () => {
  it('submits photos in the name of the key, waits, and says who was found', async () => {
    const { code, stdout } = await submit(samplePath(1), '--api', api.url, '--camera', 'gate', '--wait');
    expect(stdout).toMatch(
      /sample1\.jpg {2}\S{36} {2}done .*faces=3 {2}matches=1 {2}alerts=1\n {2}Ada {2}list /,
    );
    expect(code).toBe(0);
    const rows = await database.rows(
      `select submitted_by, camera_id is not null as at_gate from watchpost.image where purpose = 'probe'`,
    );
    expect(rows).toEqual([{ submitted_by: 'api:environment', at_gate: true }]);
  });

  it('reports what the API refuses, with its code', async () => {
    const { code, stdout } = await submit(samplePath(1), '--api', api.url, '--camera', 'gat', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      file: samplePath(1),
      state: 'refused',
      code: 'camera_unknown',
      message: expect.stringContaining("There is no camera 'gat'."),
    });
  });

  it('says what to do without a key, without a URL, and where nothing listens', async () => {
    const keyless = await watchpost(['submit', samplePath(1), '--api', api.url]);
    expect([keyless.code, keyless.stderr]).toEqual([1, expect.stringContaining('Set WATCHPOST_API_KEY')]);
    const local = await submit(samplePath(1), '--api', 'localhost:3000');
    expect([local.code, local.stderr]).toEqual([1, expect.stringContaining('like http://127.0.0.1:3000')]);
    const away = await submit(samplePath(1), '--api', 'http://127.0.0.1:9');
    expect([away.code, away.stderr]).toEqual([1, expect.stringContaining('The API cannot be reached: ')]);
  });
});
