import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import type { Bench, Figures } from '../bench.ts';
import { startWork, submitPhoto, untilHandled } from '../installation.ts';
import { type PhotoSet, samples, writeSet } from '../photos.ts';
import { deadBetween, memoryBetween, watch } from '../samples.ts';
import type { Server } from '../server.ts';
import { countsFor, throughWorkers } from '../throughput.ts';

/** Seconds of the run; its first tenth is held against its last. One more tenth before it warms up. */
const seconds = Number(process.env.WATCHPOST_BENCH_SOAK_SECONDS ?? 600);

/** Of what the worker does when there is always more to do. */
const load = 0.8;

/** Whether an installation stays as it was in its first minute. */
export const soak: Bench = {
  name: 'soak',
  measures: `${seconds} s at ${load * 100}% of capacity, last tenth (of dead rows: second half)`,
  against: 'first tenth (of dead rows: first half)',
  async prepare(server) {
    const set = await samples();
    let began: Figures | undefined;
    return {
      comparisons: [
        {
          rounds: 1,
          async ours() {
            const { first, last } = await soakOnce(server, set);
            began = first;
            return last;
          },
          theirs: async () => began!,
          judged: [
            {
              what: 'throughput',
              unit: 'photos/s',
              figure: 'photos_a_second',
              by: 'ratio',
              target: { atLeast: 0.95 },
            },
            { what: 'worker', unit: 'MB', figure: 'worker_mb', by: 'ratio', target: { atMost: 1.1 } },
            { what: 'Postgres', unit: 'MB', figure: 'postgres_mb', by: 'ratio', target: { atMost: 1.1 } },
            { what: 'dead rows', unit: 'at most', figure: 'dead_rows', by: 'ratio', target: { atMost: 2 } },
            { what: 'in the pipeline', unit: 'ms p50', figure: 'p50_ms', by: 'ratio', target: null },
            { what: 'in the pipeline', unit: 'ms p95', figure: 'p95_ms', by: 'ratio', target: null },
          ],
        },
      ],
      end: async () => {},
    };
  },
};

const soakOnce = async (server: Server, set: PhotoSet): Promise<{ first: Figures; last: Figures }> => {
  const folder = await mkdtemp(join(tmpdir(), 'watchpost-bench-photos-'));
  const counts = await countsFor(await writeSet(set, folder), availableParallelism(), 20);
  await rm(folder, { recursive: true, force: true });
  const url = await server.database('bench_soak', true);
  const client = await server.client(url);
  const watching = await server.client(url);
  const worker = await startWork(url);
  try {
    const capacity = await throughWorkers(client, [worker], set, counts, (work) => server.cost(url, work));
    const rate = capacity.photos_a_second! * load;
    const tenth = seconds * 100;
    const begun = Date.now() + tenth;
    const ended = begun + seconds * 1000;
    const samples = watch(watching, worker, ended);
    await submitPaced(client, set, rate, ended);
    const seen = await samples;
    await untilHandled(client);
    const common = { rate, capacity: capacity.photos_a_second! };
    const half = (begun + ended) / 2;
    return {
      first: {
        ...common,
        ...(await handledBetween(client, begun, begun + tenth)),
        ...memoryBetween(seen, begun, begun + tenth),
        ...deadBetween(seen, begun, half),
      },
      last: {
        ...common,
        ...(await handledBetween(client, ended - tenth, ended)),
        ...memoryBetween(seen, ended - tenth, ended),
        ...deadBetween(seen, half, ended),
      },
    };
  } finally {
    await worker.stop();
    await client.end();
    await watching.end();
    await server.drop('bench_soak');
  }
};

/** One photo after the other, each at its time; whoever is late catches up at once. */
const submitPaced = async (
  client: pg.Client,
  { photos }: PhotoSet,
  rate: number,
  until: number,
): Promise<void> => {
  const begun = Date.now();
  for (let n = 0; ; n++) {
    const due = begun + (n * 1000) / rate;
    if (due >= until) return;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - Date.now())));
    await submitPhoto(client, photos[n % photos.length]!);
  }
};

/** Photos that were ready in a stretch of time, and how long they had been in the pipeline. */
const handledBetween = async (client: pg.Client, from: number, to: number): Promise<Figures> => {
  const { rows } = await client.query<{ photos: number; p50_ms: number; p95_ms: number }>(
    `with photo as (
       select max(h.created_at) as ready, max(h.created_at) - min(e.created_at) as took
       from watchpost.event as e
       join watchpost.handling as h on h.event_id = e.id and h.outcome = 'done'
       where h.task in ('detect', 'embed', 'match')
       group by e.image_id
     )
     select
       count(*)::int as photos,
       percentile_cont(0.5) within group (order by extract(epoch from took) * 1000) as p50_ms,
       percentile_cont(0.95) within group (order by extract(epoch from took) * 1000) as p95_ms
     from photo
     where ready >= to_timestamp($1::float8 / 1000) and ready < to_timestamp($2::float8 / 1000)`,
    [from, to],
  );
  const { photos, p50_ms, p95_ms } = rows[0]!;
  return { photos_a_second: photos / ((to - from) / 1000), p50_ms, p95_ms };
};
