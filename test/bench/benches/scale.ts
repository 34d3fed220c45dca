import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bench, Comparison, Figures } from '../bench.ts';
import { startWork } from '../installation.ts';
import { type PhotoSet, samples, writeSet } from '../photos.ts';
import { familyOf, pin } from '../processes.ts';
import type { Server } from '../server.ts';
import { type Counts, countsFor, throughBareLoop, throughWorkers } from '../throughput.ts';

/** Seconds that one worker's run is to take at least. */
const seconds = 12;

const allCores = cpus().map((_, core) => core);

/**
 * Photos a second of several worker processes, each on a core of its own while there are cores.
 *
 * All of an installation, Postgres and whoever submits included, is confined to the cores that its workers are on: else
 * one worker would have a core for itself, and Postgres another, and two workers would have to share theirs with it.
 */
export const scale: Bench = {
  name: 'scale',
  measures: 'photos/s of 2 and 4 worker processes, each pinned to a core, Postgres on the same cores',
  against: 'one, with Postgres on its core, times the cores used',
  async prepare(server) {
    const folder = await mkdtemp(join(tmpdir(), 'watchpost-bench-photos-'));
    const set = await samples();
    const path = await writeSet(set, folder);
    let known: Counts | undefined;
    const counts = async (cores: number): Promise<Counts> => {
      known ??= await countsFor(path, 1, seconds);
      return { warmUp: known.warmUp * cores, count: known.count * cores };
    };
    const fleetOf = async (workers: number) =>
      throughFleet(server, set, await counts(coresOf(workers)), workers);
    const loopsOf = async (loops: number) => throughLoops(path, await counts(1), loops);
    return {
      comparisons: [
        ...[2, 4].map((n) => against(`${n} workers`, n, fleetOf, n <= allCores.length)),
        // What the machine gives to processes that share nothing: its cores may share caches and power.
        ...[2].map((n) => against(`${n} bare loops`, n, loopsOf, false)),
      ],
      end: () => rm(folder, { recursive: true, force: true }),
    };
  },
};

const coresOf = (processes: number): number => Math.min(processes, allCores.length);

/** So many processes against one of them, times the cores that they have. */
const against = (
  what: string,
  processes: number,
  run: (processes: number) => Promise<Figures>,
  judge: boolean,
): Comparison => ({
  ours: () => run(processes),
  async theirs() {
    const one = await run(1);
    return {
      ...one,
      one_photos_a_second: one.photos_a_second!,
      photos_a_second: one.photos_a_second! * coresOf(processes),
    };
  },
  judged: [
    {
      what,
      unit: 'photos/s',
      figure: 'photos_a_second',
      by: 'ratio',
      target: judge ? { atLeast: 0.9 } : null,
    },
    { what: '  work', unit: 'photos/CPU s', figure: 'photos_a_cpu_second', by: 'ratio', target: null },
  ],
});

let run = 0;

const throughFleet = async (
  server: Server,
  set: PhotoSet,
  counts: Counts,
  workers: number,
): Promise<Figures> => {
  const cores = allCores.slice(0, workers);
  const name = `bench_scale_${++run}`;
  const url = await server.database(name, true);
  const client = await server.client(url);
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const confine = async (to: readonly number[]) => pin([process.pid, ...(await familyOf(rows[0]!.pid))], to);
  await confine(cores);
  const running = await Promise.all(
    Array.from({ length: workers }, (_, n) => startWork(url, { core: cores[n % cores.length] })),
  );
  try {
    return await throughWorkers(client, running, set, counts, (work) => server.cost(url, work));
  } finally {
    await Promise.all(running.map((worker) => worker.stop()));
    await confine(allCores);
    await client.end();
    await server.drop(name);
  }
};

/** Bare loops, each pinned like a worker: a process inherits its parent's cores. */
const throughLoops = async (path: string, counts: Counts, loops: number): Promise<Figures> => {
  const running: Promise<Figures>[] = [];
  for (let n = 0; n < loops; n++) {
    await pin([process.pid], [allCores[n % allCores.length]!]);
    running.push(throughBareLoop(path, 1, counts));
  }
  await pin([process.pid], allCores);
  const each = await Promise.all(running);
  const sum = (name: string) => each.reduce((total, figures) => total + figures[name]!, 0);
  return {
    photos_a_second: sum('photos_a_second'),
    photos_a_cpu_second: sum('photos') / sum('cpu_s'),
    cpu_s: sum('cpu_s'),
  };
};
