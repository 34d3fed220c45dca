/** What Watchpost does with the database: jobs, pools in several processes, vectors. */

import { fileURLToPath } from 'node:url';
import { Logger, run, runMigrations } from 'graphile-worker';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Embedded } from '../../src/embedded-database/index.ts';
import { startNode } from '../support/processes.ts';
import { connectClient, startInMemory } from './support.ts';

let database: Embedded;
beforeAll(async () => {
  database = await startInMemory();
});
afterAll(() => database.stop());

it('runs graphile-worker unchanged: prepared statements, woken by NOTIFY', async () => {
  const pool = new pg.Pool({ connectionString: database.url, max: 5 });
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  const logger = new Logger(() => () => {});
  await runMigrations({ pgPool: pool, logger });
  const done: number[] = [];
  const waiting = new Map<number, () => void>();
  const runner = await run({
    pgPool: pool,
    logger,
    concurrency: 4,
    noHandleSignals: true,
    // longer than the test may take: only a notification can start a job
    pollInterval: 600_000,
    taskList: {
      note(payload) {
        const { n } = payload as { n: number };
        done.push(n);
        waiting.get(n)?.();
      },
    },
  });
  const inserter = await connectClient(database.url);
  const stray: unknown[] = [];
  inserter.on('notification', (notification) => stray.push(notification));
  for (let n = 0; n < 50; n++) {
    const ran = new Promise<void>((resolve) => waiting.set(n, resolve));
    await inserter.query('SELECT graphile_worker.add_job($1, $2)', ['note', { n }]);
    await ran;
  }
  await runner.stop();
  await pool.end();
  expect(done).toEqual(Array.from({ length: 50 }, (_, n) => n));
  expect(stray).toEqual([]);
});

it('serves the pools of two processes at once', async () => {
  const client = await connectClient(database.url);
  await client.query('CREATE TABLE tally (process int, worker int, n int); CREATE TABLE total (n int)');
  await client.query('INSERT INTO total VALUES (0)');
  const script = fileURLToPath(new URL('./pool-process.ts', import.meta.url));
  const processes = [1, 2].map((n) => startNode([script, database.url, String(n)]));
  expect(await Promise.all(processes.map(({ ended }) => ended))).toEqual([0, 0]);
  // 5 workers of 40 transactions in each process; total is read and written back, so overlap would lose some
  const { rows } = await client.query(
    'SELECT (SELECT count(*)::int FROM tally) AS rows, (SELECT n FROM total) AS total',
  );
  expect(rows).toEqual([{ rows: 400, total: 400 }]);
});

it('finds the nearest vectors, as halfvec and by HNSW', async () => {
  const client = await connectClient(database.url);
  await client.query(`
    CREATE EXTENSION vector;
    CREATE EXTENSION btree_gist;
    CREATE TABLE face (id int PRIMARY KEY, v halfvec(64));
    INSERT INTO face
    SELECT n, array_agg(sin(n * d))::halfvec(64) FROM generate_series(1, 500) n, generate_series(1, 64) d GROUP BY n;
    CREATE INDEX ON face USING hnsw (v halfvec_cosine_ops);
  `);
  const nearest = `
    SELECT id FROM face ORDER BY v <=> (SELECT v FROM face WHERE id = 123) LIMIT 1
  `;
  await client.query('BEGIN');
  await client.query('SET LOCAL enable_seqscan = off');
  const plan = await client.query(`EXPLAIN ${nearest}`);
  expect(JSON.stringify(plan.rows)).toMatch(/face_v_idx/);
  expect((await client.query(nearest)).rows).toEqual([{ id: 123 }]);
  await client.query('COMMIT');
});
