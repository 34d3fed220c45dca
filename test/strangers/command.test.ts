import { beforeAll, describe, expect, it } from 'vitest';
import { watchpost } from '../commands/support.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { addModel } from '../support/fabricate.ts';
import { addUnknown, groupStrangers } from '../support/strangers.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await freshDatabase();
  await addModel(database, 'strangers', 4);
  await database.rows(`insert into watchpost.camera (name, location) values ('gate', 'North gate')`);
});

const run = (...args: string[]) => watchpost(['strangers', ...args], { DATABASE_URL: database.url });

describe('watchpost strangers', () => {
  it('switches grouping on, prints the settings, and refuses invalid ones with a sentence', async () => {
    const on = await run('on', '--retention', '14 days', '--min-faces', '2');
    expect(on).toMatchObject({ code: 0, stderr: '' });
    expect(on.stdout).toMatch(
      /^faces that match nobody are grouped\n.*similarity.*\n.*\n +0\.55 +2 +14 days +00:30:00\n$/,
    );
    const wrong = await run('on', '--min-faces', '1');
    expect(wrong).toMatchObject({ code: 1, stdout: '' });
    expect(wrong.stderr).toMatch(
      /^Strangers cannot be grouped with these settings: .*min_faces 1.*\nsimilarity lies between/,
    );
  });

  it('lists recurring strangers, and shows one', async () => {
    expect((await run('list')).stdout).toBe('nobody\n');
    for (const day of ['2', '1']) {
      await addUnknown(database, {
        model: 'strangers',
        vector: [1, 0, 0, 0],
        camera: 'gate',
        capturedAt: new Date(Date.now() - Number(day) * 86_400_000).toISOString(),
      });
    }
    await groupStrangers(database);
    const [stranger] = JSON.parse((await run('list', '--json')).stdout);
    expect(stranger).toMatchObject({ visits: 2, faces: 2, cameras: ['gate'] });
    expect((await run('list')).stdout).toMatch(
      new RegExp(`^id .*visits.*\n.*\n${stranger.id} +2 +2 .* gate `),
    );
    expect((await run('list', '--visits', '3')).stdout).toBe('nobody\n');
    const since = new Date(Date.now() - 36 * 3_600_000).toISOString();
    expect((await run('list', '--since', since)).stdout).toBe('nobody\n');
    const shown = await run('show', stranger.id);
    expect(shown.stdout.match(/North gate/g)).toHaveLength(2);
  });

  it('knows no stranger of another id', async () => {
    const unknown = '01990000-0000-7000-8000-000000000000';
    for (const args of [
      ['show', unknown],
      ['enrol', unknown, 'Ada'],
    ]) {
      const { code, stderr } = await run(...args);
      expect(code).toBe(1);
      expect(stderr).toMatch(`There is no stranger ${unknown}.\n`);
    }
  });

  it('switches grouping off, and deletes the groups if asked to', async () => {
    expect((await run('off')).stdout).toBe('faces that match nobody are not grouped\n');
    expect(await database.rows('select face_id from watchpost.stranger_face')).toHaveLength(2);
    expect((await run('off', '--forget')).stdout).toMatch(/all groups are forgotten\n$/);
    expect(await database.rows('select face_id from watchpost.stranger_face')).toEqual([]);
    const [event] = await database.rows(
      `select payload from watchpost.event where topic = 'strangers.forgotten'`,
    );
    expect(event.payload).toMatchObject({ faces: 2, strangers: 1 });
  });
});
