import type pg from 'pg';
import type { Figures } from './bench.ts';
import type { WorkerProcess } from './installation.ts';
import { familyOf, memoryOf, residentOf } from './processes.ts';

/** Samples of the memory and the dead rows of a long run. */

/** Milliseconds between two samples; one takes some 20 of CPU. */
const sampleEvery = 5_000;

/** Tables whose rows come and go, or are changed once they are there. */
const hotTables = [
  'watchpost.outbox',
  'watchpost.claim',
  'watchpost.image',
  'watchpost.worker',
  'graphile_worker._private_jobs',
  'graphile_worker._private_job_queues',
];

/** What was read at one moment. */
interface Sample {
  readonly at: number;
  readonly memory: Figures;
  /** Dead rows of the hot tables. */
  readonly dead: Figures;
}

/** Samples a worker, the server and its hot tables until a time, in milliseconds since 1970. */
export const watch = async (client: pg.Client, worker: WorkerProcess, until: number): Promise<Sample[]> => {
  const { rows: backends } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const samples: Sample[] = [];
  while (Date.now() < until) {
    const server = await memoryOf(await familyOf(backends[0]!.pid));
    const { rows } = await client.query<{ name: string; dead: number }>(
      `select relname as name, n_dead_tup::int as dead
       from pg_stat_all_tables where relid = any ($1::text[]::regclass[])`,
      [hotTables],
    );
    samples.push({
      at: Date.now(),
      memory: {
        worker_mb: (await residentOf(worker.pid)).now,
        // Shared memory has the size that was set, and is filled as tables grow: it shows no leak.
        postgres_mb: server.own,
        postgres_with_shared_mb: server.all,
      },
      dead: Object.fromEntries(rows.map(({ name, dead }) => [`dead_${name}`, dead])),
    });
    await new Promise((resolve) => setTimeout(resolve, sampleEvery));
  }
  return samples;
};

/** Means of the memory that was seen in a stretch of time. */
export const memoryBetween = (samples: readonly Sample[], from: number, to: number): Figures => {
  const within = samples.filter(({ at }) => at >= from && at < to).map(({ memory }) => memory);
  return Object.fromEntries(
    Object.keys(within[0] ?? {}).map((name) => [
      name,
      within.reduce((sum, figures) => sum + figures[name]!, 0) / within.length,
    ]),
  );
};

/** The most dead rows there were in a stretch of time, of each table, and of all at one moment; 1 if there were none, as a ratio is taken. */
export const deadBetween = (samples: readonly Sample[], from: number, to: number): Figures => {
  const within = samples.filter(({ at }) => at >= from && at < to).map(({ dead }) => dead);
  const names = Object.keys(within[0] ?? {});
  const most = (figure: (dead: Figures) => number) => Math.max(...within.map(figure));
  return {
    dead_rows: Math.max(
      1,
      most((dead) => names.reduce((sum, name) => sum + dead[name]!, 0)),
    ),
    ...Object.fromEntries(names.map((name) => [name, most((dead) => dead[name]!)])),
  };
};
