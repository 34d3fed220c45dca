import { chmod, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Embedded,
  passwordFile,
  readRunning,
  startEmbedded,
} from '../../src/embedded-database/index.ts';
import { startup } from '../../src/embedded-database/protocol.ts';
import { connectClient, errorCode, Log, RawClient, temporaryDirectory, value } from './support.ts';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let database: Embedded;
const log = new Log();
beforeAll(async () => {
  directory = await temporaryDirectory();
  // As a careless mkdir leaves it.
  await chmod(directory.path, 0o755);
  database = await startEmbedded({ dataDir: directory.path, brief: true, onLog: log.add });
});
afterAll(async () => {
  await database.stop();
  await directory.remove();
});

const withPassword = (password: string): string =>
  Object.assign(new URL(database.url), { password }).toString();

describe('the password of the embedded database', () => {
  it('is in its folder, in a file that libpq reads, and in no line of the log', async () => {
    const { password } = new URL(database.url);
    expect(password).toMatch(/^[\w-]{32}$/);
    expect(await readFile(passwordFile(directory.path), 'utf8')).toBe(`*:*:*:postgres:${password}\n`);
    expect(log.lines.length).toBeGreaterThan(0);
    expect(log.lines.join('\n')).not.toContain(password);
    expect((await readRunning(directory.path))?.url).toBe(database.url);
  });

  it('lets a client in, and no client with another one, or with none', async () => {
    expect(await value(await connectClient(database.url), 'select 1')).toBe(1);
    await expect(connectClient(withPassword('guessed'))).rejects.toMatchObject({ code: '28P01' });
    await expect(connectClient(withPassword(''))).rejects.toThrow(/password/);
  });

  it('is asked for before anything is run', async () => {
    const client = new RawClient(database.url);
    client.send(startup({ user: 'postgres' }));
    const [asked] = await client.until('R');
    expect(asked?.body.readInt32BE(0)).toBe(10);
    client.send(Buffer.from('Q\0\0\0\x0dselect 1\0', 'latin1'));
    expect(errorCode(await client.until('E'))).toBe('08P01');
    await client.closed;
  });

  it('is the same after a restart', async () => {
    const { url } = database;
    await database.stop();
    database = await startEmbedded({
      dataDir: directory.path,
      brief: true,
      port: Number(new URL(url).port),
    });
    expect(database.url).toBe(url);
  });
});

describe('the folder of the embedded database', () => {
  it('is for its owner only, with all that is in it', async () => {
    expect((await stat(directory.path)).mode & 0o777).toBe(0o700);
    const open: string[] = [];
    for (const entry of await readdir(directory.path, { recursive: true, withFileTypes: true })) {
      // A copy of the catalogue, which the engine makes with a mode of its own.
      if (entry.name === 'pg_internal.init') continue;
      const path = join(entry.parentPath, entry.name);
      if (((await stat(path)).mode & 0o077) !== 0) open.push(path);
    }
    expect(open).toEqual([]);
  });
});
