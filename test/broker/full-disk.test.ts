import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { urlOf } from '../support/choose-database.ts';
import type { NodeProcess } from '../support/node-process.ts';
import { sample } from '../support/photos.ts';
import { freePort, type Postgres, startPostgres } from '../support/postgres.ts';
import { startProcess, startWorkerProcess } from '../support/processes.ts';
import { findPrograms } from '../support/programs.ts';
import { until } from '../support/until.ts';

const programs = await findPrograms();
const reason = programs
  ? process.getuid?.() === 0
    ? ''
    : '(needs root, to mount a small disk)'
  : '(needs DATABASE_URL of a server whose pg_ctl is on this machine)';

/** Mounts a disk of so many megabytes; false if this machine does not allow that. */
const mount = (folder: string, megabytes: number, again = false): boolean => {
  try {
    const options = `${again ? 'remount,' : ''}size=${megabytes}m`;
    execFileSync(
      'mount',
      [...(again ? [] : ['-t', 'tmpfs']), '-o', options, ...(again ? [] : ['tmpfs']), folder],
      {
        stdio: 'pipe',
      },
    );
    return true;
  } catch {
    return false;
  }
};

describe.skipIf(reason !== '')(`a disk that is full ${reason}`, () => {
  let folder: string;
  let disk: string;
  let postgres: Postgres;
  let api: NodeProcess;
  let worker: NodeProcess;
  let pool: pg.Pool;
  let post: (key: string) => Promise<Response>;
  let mounted = false;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'watchpost-disk-'));
    await chmod(folder, 0o755);
    postgres = await startPostgres({ bin: programs, data: join(folder, 'data'), port: 0 });
    disk = join(folder, 'disk');
    await mkdir(disk);
    mounted = mount(disk, 40);
    if (!mounted) return;
    // Postgres keeps a tablespace in a folder of its own user.
    const { uid, gid } = await stat(join(folder, 'data'));
    await chown(disk, uid, gid);
    const admin = new pg.Client({ connectionString: postgres.url });
    await admin.connect();
    await admin.query(`create tablespace small location '${disk}'`);
    await admin.query('create database small tablespace small');
    await admin.end();

    const url = urlOf(postgres.url, 'small');
    const port = await freePort();
    const key = 'a-key-for-the-full-disk-test';
    api = startProcess(['up', '--no-worker'], {
      DATABASE_URL: url,
      PORT: String(port),
      WATCHPOST_API_KEY: key,
    });
    await api.says(/Stop:/);
    worker = await startWorkerProcess(url);
    pool = new pg.Pool({ connectionString: url });
    pool.on('error', () => {});
    post = (idempotencyKey) =>
      fetch(`http://127.0.0.1:${port}/v1/images`, {
        method: 'POST',
        body: new Uint8Array(Buffer.concat([sample(1), Buffer.alloc(1_000_000)])),
        headers: {
          authorization: `Bearer ${key}`,
          'content-type': 'image/jpeg',
          'idempotency-key': idempotencyKey,
        },
      });
  });

  afterAll(async () => {
    await pool?.end();
    api?.child.kill('SIGKILL');
    worker?.child.kill('SIGKILL');
    await postgres.end();
    if (mounted) execFileSync('umount', [disk]);
    await rm(folder, { recursive: true, force: true });
  });

  it('keeps what was accepted, refuses the rest with 503, and continues when there is room', async (context) => {
    if (!mounted) context.skip('this machine does not allow mounting a disk');
    const accepted: string[] = [];
    let refused: Response | undefined;
    for (let i = 0; !refused && i < 200; i++) {
      const response = await post(`photo-${i}`);
      if (response.status === 202) accepted.push(((await response.json()) as { id: string }).id);
      else refused = response;
    }
    expect(accepted.length).toBeGreaterThan(0);
    expect(refused?.status).toBe(503);
    expect(refused?.headers.get('retry-after')).not.toBeNull();

    expect(mount(disk, 400, true)).toBe(true);
    const after = await until(async () => {
      const response = await post('after');
      return response.status === 202 && ((await response.json()) as { id: string });
    });
    await until(async () => {
      const { rows } = await pool.query(
        `select from watchpost.image_status where image_id = any ($1) and state = 'done' and faces = 3`,
        [[...accepted, after.id]],
      );
      return rows.length === accepted.length + 1;
    });
    expect((await pool.query('select from watchpost.dead_letter')).rows).toEqual([]);
    expect([api.child.exitCode, worker.child.exitCode]).toEqual([null, null]);
  }, 180_000);
});
