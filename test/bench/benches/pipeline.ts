import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadVision } from '../../../src/vision/index.ts';
import type { Bench, Comparison, Figures } from '../bench.ts';
import { countStored, enrol, startWork, submitPhotos, untilHandled } from '../installation.ts';
import { composed, labelled, type PhotoSet, samples, writeSet } from '../photos.ts';
import { cpuSecondsOf, residentOf } from '../processes.ts';
import { start } from '../program.ts';
import type { Server } from '../server.ts';

/** Seconds that a side's run is to take, and what comes before it to warm up. */
const seconds = 12;
const warmUpSeconds = 4;

/** Photos to judge by how many make up a run. */
const trial = 24;

/** As a worker's default is. */
const concurrency = availableParallelism();

/** Photos a second of one worker process, from the first INSERT until every face of the last photo is searched. */
export const pipeline: Bench = {
  name: 'pipeline',
  measures: 'photos/s from the first INSERT to the last stored match, one worker process on all cores',
  against: `a bare loop over the same vision code, ${concurrency} photos at a time, no database`,
  async prepare(server, options) {
    const folder = await mkdtemp(join(tmpdir(), 'watchpost-bench-photos-'));
    const vision = await loadVision();
    const sets = [
      await samples(),
      ...(options.photos ? [await labelled(options.photos)] : []),
      await composed(vision, 1),
      await composed(vision, 8),
    ];
    await vision.close();
    let run = 0;
    return {
      comparisons: await Promise.all(
        sets.map(async (set) => comparisonOf(server, set, await writeSet(set, folder), () => ++run)),
      ),
      end: () => rm(folder, { recursive: true, force: true }),
    };
  },
};

const comparisonOf = (server: Server, set: PhotoSet, folder: string, nextRun: () => number): Comparison => {
  let rate: number | undefined;
  const counts = async () => {
    rate ??= (await bare(folder, trial, trial)).photos_a_second!;
    return { warmUp: Math.ceil(rate * warmUpSeconds), count: Math.ceil(rate * seconds) };
  };
  return {
    async ours() {
      const { warmUp, count } = await counts();
      return throughWorker(server, `bench_pipeline_${nextRun()}`, set, warmUp, count);
    },
    async theirs() {
      const { warmUp, count } = await counts();
      return bare(folder, warmUp, count);
    },
    judged: [
      {
        what: set.name,
        unit: 'photos/s',
        figure: 'photos_a_second',
        by: 'ratio',
        target: { atLeast: 0.95 },
      },
    ],
  };
};

const bare = async (folder: string, warmUp: number, count: number): Promise<Figures> => {
  const { begun, ended, more, memory } = await start('bare-loop', { folder, warmUp, count, concurrency })
    .told;
  const took = (ended - begun) / 1000;
  return {
    photos_a_second: count / took,
    faces_a_second: more!.faces! / took,
    photos: count,
    faces: more!.faces!,
    seconds: took,
    cpu_s: more!.cpu!,
    cpu_ms_a_photo: (more!.cpu! * 1000) / count,
    mb: memory,
  };
};

const throughWorker = async (
  server: Server,
  name: string,
  set: PhotoSet,
  warmUp: number,
  count: number,
): Promise<Figures> => {
  const url = await server.database(name, true);
  const client = await server.client(url);
  const worker = await startWork(url);
  await enrol(client, set);
  await submitPhotos(client, set, warmUp);
  await untilHandled(client);
  const before = await countStored(client);
  const { result, cost } = await server.cost(url, async () => {
    const cpu = await cpuSecondsOf(worker.pid);
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
      worker_cpu_s: (await cpuSecondsOf(worker.pid)) - cpu,
      submitter_cpu_s: (user + system) / 1e6,
      worker_mb: (await residentOf(worker.pid)).most,
    };
  });
  const after = await countStored(client);
  await worker.stop();
  await client.end();
  await server.drop(name);
  const faces = after.faces - before.faces;
  return {
    photos_a_second: count / result.seconds,
    faces_a_second: faces / result.seconds,
    photos: after.photos - before.photos,
    faces,
    matches: after.matches - before.matches,
    ...result,
    server_cpu_s: cost.cpu,
    cpu_ms_a_photo: ((result.worker_cpu_s + cost.cpu + result.submitter_cpu_s) * 1000) / count,
    wal_bytes_a_photo: cost.walBytes / count,
  };
};
