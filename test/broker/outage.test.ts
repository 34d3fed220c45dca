import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NodeProcess } from '../support/node-process.ts';
import { sample } from '../support/photos.ts';
import { freePort, type Postgres, startPostgres } from '../support/postgres.ts';
import { startProcess, startWorkerProcess } from '../support/processes.ts';
import { findPrograms } from '../support/programs.ts';
import { until } from '../support/until.ts';

const programs = await findPrograms();
const reason = programs ? '' : '(needs DATABASE_URL of a server whose pg_ctl is on this machine)';

describe.skipIf(!programs)(`a database that crashes under a running API and worker ${reason}`, () => {
  let folder: string;
  let postgres: Postgres;
  let api: NodeProcess;
  let worker: NodeProcess;
  let call: (path: string, init?: RequestInit) => Promise<Response>;
  let pool: pg.Pool;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'watchpost-outage-'));
    await chmod(folder, 0o755);
    postgres = await startPostgres({ bin: programs, data: join(folder, 'data'), port: 0 });
    const port = await freePort();
    const key = 'a-key-for-the-outage-test';
    api = startProcess(['up', '--no-worker'], {
      DATABASE_URL: postgres.url,
      PORT: String(port),
      WATCHPOST_API_KEY: key,
    });
    await api.says(/Stop:/);
    worker = await startWorkerProcess(postgres.url);
    call = (path, init = {}) =>
      fetch(`http://127.0.0.1:${port}${path}`, {
        ...init,
        headers: { authorization: `Bearer ${key}`, 'content-type': 'image/jpeg', ...init.headers },
      });
    pool = new pg.Pool({ connectionString: postgres.url });
    pool.on('error', () => {});
  });

  afterAll(async () => {
    await pool.end();
    api.child.kill('SIGKILL');
    worker.child.kill('SIGKILL');
    await postgres.end();
    await rm(folder, { recursive: true, force: true });
  });

  const post = (headers: Record<string, string> = {}) =>
    call('/v1/images', { method: 'POST', body: new Uint8Array(sample(1)), headers });
  const outagesIn = (process: NodeProcess) =>
    process.log.filter((line) => line.msg.startsWith('the database is away')).length;
  const untilDone = (id: string) =>
    until(async () => {
      const response = await call(`/v1/images/${id}`);
      const body = (await response.json()) as { state?: string; faces?: unknown[] };
      return body.state === 'done' && body;
    });

  it('is answered with 503 and Retry-After, logged once by each process, and survived', {
    timeout: 120_000,
  }, async () => {
    const before = await post();
    expect(before.status).toBe(202);
    const { id } = (await before.json()) as { id: string };

    await postgres.crash();
    const meanwhile = await post({ 'idempotency-key': 'meanwhile' });
    expect(meanwhile.status).toBe(503);
    expect(Number(meanwhile.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await meanwhile.json()).toMatchObject({ code: 'database_unavailable' });
    expect((await call('/readyz')).status).toBe(503);
    expect((await call('/healthz')).status).toBe(200);
    await until(async () => outagesIn(api) === 1 && outagesIn(worker) === 1);
    await postgres.start();

    const after = await until(async () => {
      const response = await post({ 'idempotency-key': 'meanwhile' });
      return response.status === 202 && response;
    });
    const again = (await after.json()) as { id: string };
    expect(await untilDone(id)).toMatchObject({ faces: { length: 3 } });
    expect(await untilDone(again.id)).toMatchObject({ faces: { length: 3 } });
    expect([outagesIn(api), outagesIn(worker)]).toEqual([1, 1]);
    expect([api.child.exitCode, worker.child.exitCode]).toEqual([null, null]);
    // No process was counted as dead for missing heartbeats during the outage.
    const { rows } = await pool.query(`select from watchpost.event where topic = 'worker.lost'`);
    expect(rows).toEqual([]);
  });

  it('uses up no attempt, however often it happens', { timeout: 120_000 }, async () => {
    const { rows: settings } = await pool.query(
      `update watchpost.subscription set max_attempts = 1 where task = 'detect' returning task`,
    );
    expect(settings.length).toBeGreaterThan(0);
    const holder = new pg.Client({ connectionString: postgres.url });
    holder.on('error', () => {});
    await holder.connect();
    await holder.query('begin; lock table watchpost.person_photo in access exclusive mode');
    const { id } = (await (await post()).json()) as { id: string };
    await until(async () => {
      const { rows } = await pool.query('select from watchpost.claim where worker_id is not null');
      return rows.length > 0;
    });
    await postgres.crash();
    await postgres.start();
    expect(await untilDone(id)).toMatchObject({ faces: { length: 3 } });
    const { rows } = await pool.query(
      `select h.outcome, h.attempt from watchpost.handling as h
       join watchpost.event as e on e.id = h.event_id where e.image_id = $1 and h.task = 'detect'`,
      [id],
    );
    expect(rows).toEqual([{ outcome: 'done', attempt: 1 }]);
  });
});
