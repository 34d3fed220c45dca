import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '../../../src/config.ts';
import { loadVision } from '../../../src/vision/index.ts';
import type { Bench, Comparison } from '../bench.ts';
import { composed, labelled, type PhotoSet, samples, writeSet } from '../photos.ts';
import type { Server } from '../server.ts';
import { type Counts, countsFor, throughBareLoop, throughOneWorker } from '../throughput.ts';

/** Seconds that a side's run is to take. */
const seconds = 12;

/** As a worker's default is. */
const { concurrency } = readConfig({});

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
  let counts: Counts | undefined;
  return {
    async ours() {
      counts ??= await countsFor(folder, concurrency, seconds);
      return throughOneWorker(server, `bench_pipeline_${nextRun()}`, set, counts);
    },
    async theirs() {
      counts ??= await countsFor(folder, concurrency, seconds);
      return throughBareLoop(folder, concurrency, counts);
    },
    judged: [
      {
        what: set.name,
        unit: 'photos/s',
        figure: 'photos_a_second',
        by: 'ratio',
        target: { atLeast: 0.95 },
      },
      { what: '  CPU', unit: 'ms/photo', figure: 'cpu_ms_a_photo', by: 'ratio', target: null },
    ],
  };
};
