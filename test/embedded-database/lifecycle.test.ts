/** The process of the embedded database: one to a data directory, restarted after a crash, ended with its parent. */

import { once } from 'node:events';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  DataDirectoryLocked,
  type Embedded,
  readRunning,
  startEmbedded,
} from '../../src/embedded-database/index.ts';
import { unoptimised } from '../../src/embedded-database/supervisor.ts';
import { startNode } from '../support/processes.ts';
import { connectClient, Log, processEnd, temporaryDirectory } from './support.ts';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const program = path('../../src/embedded-database/process.ts');

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let dataDir: string;
let database: Embedded;
const log = new Log();
beforeAll(async () => {
  directory = await temporaryDirectory();
  dataDir = join(directory.path, 'data');
  database = await startEmbedded({ dataDir, brief: true, onLog: log.add });
});
afterAll(async () => {
  await database?.stop();
  await directory?.remove();
});

/** Resolves once the database, which is about to end, serves again. */
const comeback = () => log.line(/serves again/, log.lines.length);

describe('the data directory', () => {
  it('is for its owner only, and says where the database is', async () => {
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
    expect(await readRunning(dataDir)).toMatchObject({ pid: database.pid(), url: database.url });
  });

  it('is refused to a second start, which says who has it', async () => {
    const second = startEmbedded({ dataDir, brief: true });
    await expect(second).rejects.toBeInstanceOf(DataDirectoryLocked);
    const { startedAt } = (await readRunning(dataDir))!;
    for (const part of [
      `process ${database.pid()} `,
      `:${new URL(database.url).port}/postgres`,
      startedAt.toISOString(),
    ]) {
      await expect(second).rejects.toThrow(part);
    }
    const client = await connectClient(database.url);
    expect((await client.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]);
  });

  it.runIf(process.platform === 'linux')(
    'is not taken for served by a process that has the pid of a dead one',
    async () => {
      const other = await temporaryDirectory();
      onTestFinished(other.remove);
      const holder = JSON.parse(await readFile(join(dataDir, 'database.lock'), 'utf8'));
      const write = (start: string) =>
        writeFile(join(other.path, 'database.lock'), JSON.stringify({ ...holder, processStart: start }));
      await write(holder.processStart);
      expect(await readRunning(other.path)).toMatchObject({ pid: database.pid() });
      await write('1');
      expect(await readRunning(other.path)).toBeUndefined();
    },
  );
});

describe('a crash', () => {
  it('while the database is being created leaves a directory that can be started', async () => {
    const other = await temporaryDirectory();
    onTestFinished(other.remove);
    const child = startNode([...unoptimised, program, '--data-dir', other.path]);
    const copied = () => readdir(join(other.path, 'database.creating')).catch(() => []);
    await expect.poll(copied, { timeout: 50_000 }).toContain('PG_VERSION');
    await child.stop('SIGKILL');
    // as if it had been killed at the very beginning of the copy, whatever it got to
    await rm(join(other.path, 'database.creating', 'global'), { recursive: true, force: true });
    const second = await startEmbedded({ dataDir: other.path, fsync: false, brief: true });
    onTestFinished(() => second.stop());
    const client = await connectClient(second.url);
    expect((await client.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]);
  });

  it('by kill -9 while clients write loses nothing that was acknowledged', async () => {
    const { url } = database;
    const setup = await connectClient(url);
    await setup.query('CREATE TABLE kept (writer int, n int)');
    const acknowledged: string[] = [];
    let writing = true;
    const write = async (writer: number) => {
      for (let n = 0; writing; ) {
        const client = new pg.Client(url);
        client.on('error', () => {});
        try {
          await client.connect();
          for (; writing; n++) {
            await client.query('INSERT INTO kept VALUES ($1, $2)', [writer, n]);
            acknowledged.push(`${writer} ${n}`);
            written.resolve?.();
          }
        } catch {
          // the row under way may be there or not: another number next time
          n++;
        }
        await client.end().catch(() => {});
      }
    };
    const written: { resolve?: () => void } = {};
    const until = async (count: number) => {
      while (acknowledged.length < count) await new Promise<void>((resolve) => (written.resolve = resolve));
    };
    const writers = [1, 2, 3].map(write);
    for (let round = 0; round < 3; round++) {
      await until(acknowledged.length + 100);
      const [pid, back] = [database.pid(), comeback()];
      process.kill(pid, 'SIGKILL');
      await back;
      expect(database.pid()).not.toBe(pid);
      expect(database.url).toBe(url);
      expect(await readRunning(dataDir)).toMatchObject({ pid: database.pid(), url });
    }
    await until(acknowledged.length + 10);
    writing = false;
    await Promise.all(writers);
    const client = await connectClient(url);
    const { rows } = await client.query("SELECT writer || ' ' || n AS row FROM kept");
    const kept = new Set(rows.map(({ row }) => row));
    expect(acknowledged.filter((row) => !kept.has(row))).toEqual([]);
  });

  it.each([
    [
      'traps',
      `CREATE FUNCTION deep(i int) RETURNS int LANGUAGE sql AS $$
         SELECT CASE WHEN i < 0 THEN 1 ELSE (SELECT count(*)::int + deep(i + 1) FROM pg_class WHERE oid = 1) END
       $$;
       SELECT deep(1)`,
    ],
    [
      'exits',
      `DO $$ BEGIN PERFORM set_config('exit_on_error', 'on', false); END $$;
       SELECT 1 / 0`,
    ],
  ])('of the engine, which %s, ends the process with a message, and it comes back', async (_, sql) => {
    const client = await connectClient(database.url);
    const lost = once(client, 'error');
    const [from, back] = [log.lines.length, comeback()];
    await Promise.all([lost, client.query(`SET check_function_bodies = off; ${sql}`).catch(() => {})]);
    await log.line(/the engine failed and the process ends: (?:RangeError|ExitStatus)/, from);
    await log.line(/exit code 70/, from);
    await back;
    const next = await connectClient(database.url);
    expect((await next.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]);
  });
});

describe('the end', () => {
  it('comes with stop: clients get an error, no process is left, the directory is free', async () => {
    const client = await connectClient(database.url);
    const error = once(client, 'error');
    const pid = database.pid();
    await database.stop();
    expect((await error)[0]).toMatchObject({ code: '57P01' });
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(await readRunning(dataDir)).toBeUndefined();
  });

  it('leaves the directory to exactly one of several that start at once', async () => {
    const results = await Promise.allSettled([1, 2, 3].map(() => startEmbedded({ dataDir, brief: true })));
    const winners = results.filter((result) => result.status === 'fulfilled');
    for (const { value } of winners) await value.stop();
    expect(winners.length).toBe(1);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(DataDirectoryLocked);
    }
  });

  it('comes with the parent’s, even when that is killed', async () => {
    const parent = startNode([path('./parent-process.ts'), dataDir]);
    const pid = Number((await parent.says(/^serves as (\d+)$/m))[1]);
    onTestFinished(() => {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // The process has ended, as it should.
      }
    });
    await parent.stop('SIGKILL');
    await processEnd(pid);
    expect(await readRunning(dataDir)).toBeUndefined();
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('comes with %s when it was started by hand', async (signal) => {
    const child = startNode([...unoptimised, program, '--data-dir', dataDir, '--no-fsync']);
    await child.says(/\n/);
    expect(child.stdout).toMatch(/^postgres:\/\/postgres@127\.0\.0\.1:\d+\/postgres\n$/);
    expect(await child.stop(signal)).toBe(0);
    expect(await readRunning(dataDir)).toBeUndefined();
  });
});
