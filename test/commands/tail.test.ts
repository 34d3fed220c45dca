import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';
import { Command, watchpost } from './support.ts';

let database: TestDatabase;
const settings = () => ({ DATABASE_URL: database.url });
const tail = (args: string[], columns?: number, more = {}) =>
  watchpost(
    ['tail', '--no-follow', ...args],
    { ...settings(), ...more },
    columns === undefined ? {} : { columns },
  );
const topics = (json: string) =>
  json
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line).topic);

beforeAll(async () => {
  database = await freshDatabase();
  await watchpost(['camera', 'add', 'gate', '--location', 'North gate'], settings());
  await watchpost(['watchlist', 'add', 'wanted'], settings());
  await watchpost(['person', 'add', 'Ada', '--watchlist', 'wanted'], settings());
});

describe('tail', () => {
  it('prints the last events, the latest last, with the names of whom and what they are about', async () => {
    const { code, stdout, stderr } = await tail(['-n', '2']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(
      /^\S+ \S+ {2}person\.changed +Ada {2}created {2}by \S+ {2}[0-9a-f-]{36}\n\S+ \S+ {2}watchlist\.person_added +Ada {2}list wanted {2}added {2}by \S+ {2}\S+\n$/,
    );
  });

  it('filters by topic, also by pattern, and by person', async () => {
    expect(
      topics((await tail(['--json', '--topic', 'camera.*', '--topic', 'watchlist.changed'])).stdout),
    ).toEqual(['camera.changed', 'watchlist.changed']);
    expect(topics((await tail(['--json', '--topic', 'camera'])).stdout)).toEqual([]);
    expect(topics((await tail(['--json', '--person', 'Ada'])).stdout)).toEqual([
      'person.changed',
      'watchlist.person_added',
    ]);
  });

  it('is coloured on a terminal, and nowhere else, and not with NO_COLOR', async () => {
    expect((await tail([], 200)).stdout).toContain('\x1b[');
    for (const plain of [
      await tail([]),
      await tail([], 200, { NO_COLOR: '1' }),
      await tail([], 200, { TERM: 'dumb' }),
    ])
      expect(plain.stdout).not.toContain('\x1b[');
  });

  it('keeps control characters of a name away from the terminal', async () => {
    await database.rows(`update watchpost.camera set location = E'a\\tb'`).catch(() => {});
    expect((await tail(['--json'])).stdout).not.toContain('\x1b');
  });

  it('follows: each event once, also one that was written earlier and committed later', async () => {
    const command = new Command(['tail', '--json', '--topic', 'camera.changed', '-n', '0'], settings());
    const names = () =>
      command.stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line).payload.name);
    let n = 0;
    // It may not have begun to follow yet.
    await until(async () => {
      await database.rows(`insert into watchpost.camera (name, location) values ($1, 'x')`, [`first ${n++}`]);
      return names().length > 0;
    });
    const slow = await database.pool.connect();
    await slow.query(`begin; insert into watchpost.camera (name, location) values ('slow', 'x')`);
    await database.rows(`insert into watchpost.camera (name, location) values ('fast', 'x')`);
    await until(async () => names().includes('fast'));
    expect(names()).not.toContain('slow');
    await slow.query('commit');
    slow.release();
    await until(async () => names().includes('slow'));
    expect(new Set(names()).size).toBe(names().length);
    command.child.kill('SIGINT');
    expect(await command.ended).toBe(0);
    expect(command.stderr).toBe('');
  });
});
