import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { watchpost } from './support.ts';

let database: TestDatabase;
const run = (...args: string[]) => watchpost(args, { DATABASE_URL: database.url });

beforeAll(async () => {
  database = await freshDatabase();
  await run('camera', 'add', 'gate', '--location', 'Gate', '--fps', '2', '--region', '0.25,0,0.5,1');
  await run('watchlist', 'add', 'wanted', '--camera', 'gate', '--min-looks', '2', '--min-share', '0.5');
  await run('endpoint', 'add', 'guards', 'https://guards.example/', '--watchlist', 'wanted');
  await run(
    'stranger-rule',
    'add',
    'night',
    '--known-on',
    'wanted',
    '--days',
    'mon,sat',
    '--hours',
    '22:00-06:00',
  );
});

/** Columns that an answer has under another name, or not: by table. */
const renamed: Record<string, Record<string, string | null>> = {
  watchlist: { created_at: null },
  camera: {
    ...{ region_x: 'region', region_y: 'region', region_width: 'region', region_height: 'region' },
    ...{ plan_id: 'plan', plan_x: 'plan', plan_y: 'plan', removed_at: null },
  },
  endpoint: { removed_at: null },
  stranger_rule: { from_time: 'hours', until_time: 'hours' },
};

describe.each([
  ['watchlist', 'wanted', [/^cameras +gate$/m, /^min_looks +2$/m, /^min_share +0\.5$/m]],
  ['camera', 'gate', [/^frames_per_second +2$/m, /^region +\{"x":0\.25,"y":0,"width":0\.5,"height":1\}$/m]],
  ['endpoint', 'guards', [/^site +all$/m, /^watchlists +wanted$/m]],
  ['stranger-rule', 'night', [/^known_on +wanted$/m, /^days +mon,\s?sat$/m, /^hours +22:00-06:00$/m]],
])('%s show', (command, name, lines) => {
  it('shows every column of its table', async () => {
    const table = command.replace('-', '_');
    const { stdout } = await run(command, 'show', name, '--json');
    const shown = Object.keys(JSON.parse(stdout));
    const columns = await database.rows<{ name: string }>(
      `select column_name as name from information_schema.columns where table_schema = 'watchpost' and table_name = $1`,
      [table],
    );
    expect(columns.length).toBeGreaterThan(10);
    for (const column of columns) {
      const as = renamed[table]?.[column.name];
      if (as === null) continue;
      const names = [as ?? column.name, `${column.name}_seconds`, column.name.replace(/_id$/, '')];
      expect(
        shown.some((one) => names.includes(one)),
        `${table}.${column.name}`,
      ).toBe(true);
    }
  });

  it('has a line for each, with names in place of ids', async () => {
    const { code, stdout } = await run(command, 'show', name);
    expect(code).toBe(0);
    for (const line of lines) expect(stdout).toMatch(line);
  });

  it('says which there are', async () => {
    expect(await run(command, 'show', 'nothing')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(name),
    });
  });
});

it('watchlist list has what a list asks of tracks, if one of them does', async () => {
  expect((await run('watchlist', 'list')).stdout).toMatch(/min_looks +min_share/);
});
