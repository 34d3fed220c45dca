import type { Command } from 'commander';
import { beforeAll, describe, expect, it } from 'vitest';
import { processIo } from '../../src/commands/program/io.ts';
import { buildProgram } from '../../src/commands/program/run.ts';
import { Session } from '../../src/commands/program/session.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { samplePath } from '../support/photos.ts';
import { realVision, runWorker } from '../support/pipeline.ts';
import { temporaryFolder, watchpost } from './support.ts';

/** The commands that do something, each with the words that call it. */
const leavesOf = (command: Command, path: readonly string[] = []): (readonly [string, Command])[] =>
  command.commands.length === 0
    ? [[path.join(' '), command]]
    : command.commands.flatMap((below) => leavesOf(below, [...path, below.name()]));

describe('--json', () => {
  let database: TestDatabase;
  let data: string;
  beforeAll(async () => {
    database = await freshDatabase();
    data = await temporaryFolder();
    await runWorker(database, await realVision());
  });

  /** Runs a command with --json, whose whole stdout has to be JSON, and returns it line by line. */
  const run = async (...args: string[]): Promise<Record<string, unknown>[]> => {
    const { code, stdout, stderr } = await watchpost([...args, '--json'], {
      DATABASE_URL: database.url,
      WATCHPOST_DATA: data,
    });
    expect(code, `${args.join(' ')}: ${stderr}`).toBe(0);
    return stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  };

  it('is an option of every command but those that a shell reads', async () => {
    const program = await buildProgram([], new Session(processIo));
    const without = leavesOf(program).flatMap(([words, { options }]) =>
      options.some(({ long }) => long === '--json') ? [] : [words],
    );
    expect(without).toEqual(['completion', 'complete']);
  });

  it('prints what was made or changed as objects, and advice on stderr', async () => {
    expect(await run('camera', 'add', 'gate', '--location', 'North')).toMatchObject([
      { name: 'gate', location: 'North' },
    ]);
    expect(await run('camera', 'set', 'gate', '--zone', 'out')).toMatchObject([
      { name: 'gate', zone: 'out' },
    ]);
    expect(await run('watchlist', 'add', 'wanted')).toMatchObject([{ name: 'wanted', threshold: 0.5 }]);
    const photo = samplePath(3);
    const [person, enrolled] = await run(
      'person',
      'add',
      'Ada',
      '--photo',
      photo,
      '--face',
      '3',
      '--watchlist',
      'wanted',
    );
    expect(person).toMatchObject({ name: 'Ada', id: expect.any(String) });
    expect(enrolled).toMatchObject({ state: 'enrolled' });
    expect(await run('person', 'report', 'Ada')).toMatchObject([{ person: { name: 'Ada' } }]);
    expect(await run('person', 'set', 'Ada', '--name', 'Ada L.')).toMatchObject([{ name: 'Ada L.' }]);
    expect(await run('watchlist', 'take', 'wanted', 'Ada L.')).toMatchObject([
      { person: { name: 'Ada L.' }, watchlist: 'wanted' },
    ]);
    expect(await run('pause', 'embed')).toEqual([{ task: 'embed', paused: true }]);
    expect(await run('resume', 'embed')).toEqual([{ task: 'embed', paused: false }]);
    expect(await run('plan', 'add', 'ground floor', samplePath(1))).toMatchObject([
      { name: 'ground floor', width: expect.any(Number) },
    ]);
    expect(await run('plan', 'remove', 'ground floor')).toEqual([{ plan: 'ground floor', done: 'remove' }]);
    expect(await run('site', 'add', 'Berlin')).toMatchObject([{ name: 'Berlin' }]);
    expect(await run('migrate')).toEqual([{ applied: [] }]);
    expect(await run('describe', 'off')).toMatchObject([{ describe: 'off', changed: false }]);
    expect(await run('person', 'remove', 'Ada L.', '--dry-run')).toMatchObject([
      { person: 'Ada L.', dry_run: true },
    ]);
    expect(await run('camera', 'remove', 'gate')).toMatchObject([{ dry_run: false }]);
  });
});
