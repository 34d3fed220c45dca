import type pg from 'pg';
import type { Figures } from './bench.ts';
import {
  countStored,
  enrol,
  startWork,
  submitPhotos,
  untilHandled,
  type WorkerProcess,
} from './installation.ts';
import type { PhotoSet } from './photos.ts';
import { cpuSecondsOf, residentOf } from './processes.ts';
import { start } from './program.ts';
import type { Cost, Server } from './server.ts';

/** How many photos: those that warm up, and those that count. */
export interface Counts {
  readonly warmUp: number;
  readonly count: number;
}

/** Photos to judge by how many make up a run. */
const trial = 24;

/** How many photos a bare loop sees in so many seconds on this machine, and in a third of them. */
export const countsFor = async (folder: string, concurrency: number, seconds: number): Promise<Counts> => {
  const { photos_a_second: rate } = await throughBareLoop(folder, concurrency, {
    warmUp: trial,
    count: trial,
  });
  return { warmUp: Math.ceil((rate! * seconds) / 3), count: Math.ceil(rate! * seconds) };
};

/** Photos a second of the vision code alone, in a process of its own. */
export const throughBareLoop = async (
  folder: string,
  concurrency: number,
  { warmUp, count }: Counts,
): Promise<Figures> => {
  const { begun, ended, more, memory } = await start('bare-loop', { folder, warmUp, count, concurrency })
    .report;
  const took = (ended - begun) / 1000;
  return {
    photos_a_second: count / took,
    faces_a_second: more!.faces! / took,
    photos: count,
    faces: more!.faces!,
    seconds: took,
    cpu_s: more!.cpu!,
    cpu_ms_a_photo: (more!.cpu! * 1000) / count,
    photos_a_cpu_second: count / more!.cpu!,
    mb: memory,
  };
};

/**
 * Photos a second of these workers, from the first INSERT until every face of the last photo is searched, after people
 * are enrolled and all is warm.
 *
 * @param measure returns what the work costs the database.
 */
export const throughWorkers = async (
  client: pg.Client,
  workers: readonly WorkerProcess[],
  set: PhotoSet,
  { warmUp, count }: Counts,
  measure: <T>(work: () => Promise<T>) => Promise<{ result: T; cost: Cost }>,
): Promise<Figures> => {
  const cpuOfWorkers = async () => {
    const each = await Promise.all(workers.map(({ pid }) => cpuSecondsOf(pid)));
    return each.reduce((sum, one) => sum + one, 0);
  };
  await enrol(client, set);
  await submitPhotos(client, set, warmUp);
  await untilHandled(client);
  const before = await countStored(client);
  const { result, cost } = await measure(async () => {
    const cpu = await cpuOfWorkers();
    const own = process.cpuUsage();
    const begun = performance.now();
    await submitPhotos(client, set, count);
    const submitted = performance.now();
    await untilHandled(client);
    const ended = performance.now();
    const { user, system } = process.cpuUsage(own);
    return {
      seconds: (ended - begun) / 1000,
      submit_s: (submitted - begun) / 1000,
      worker_cpu_s: (await cpuOfWorkers()) - cpu,
      submitter_cpu_s: (user + system) / 1e6,
    };
  });
  const after = await countStored(client);
  const memory = await Promise.all(workers.map(({ pid }) => residentOf(pid)));
  const faces = after.faces - before.faces;
  const cpu = result.worker_cpu_s + result.submitter_cpu_s + cost.cpu;
  return {
    photos_a_second: count / result.seconds,
    faces_a_second: faces / result.seconds,
    photos: after.photos - before.photos,
    faces,
    matches: after.matches - before.matches,
    ...result,
    server_cpu_s: cost.cpu,
    cpu_ms_a_photo: (cpu * 1000) / count,
    photos_a_cpu_second: count / cpu,
    wal_bytes_a_photo: cost.walBytes / count,
    worker_mb: Math.max(...memory.map(({ most }) => most)),
  };
};

/** The same of one worker process with all cores, on a new database of the server. */
export const throughOneWorker = async (
  server: Server,
  name: string,
  set: PhotoSet,
  counts: Counts,
): Promise<Figures> => {
  const url = await server.database(name, true);
  const client = await server.client(url);
  const worker = await startWork(url);
  try {
    return await throughWorkers(client, [worker], set, counts, (work) => server.cost(url, work));
  } finally {
    await worker.stop();
    await client.end();
    await server.drop(name);
  }
};
