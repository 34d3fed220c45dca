import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { migrate } from '../../../src/database/migrate.ts';
import { openDatabase } from '../../../src/database/pool.ts';
import { startEmbedded } from '../../../src/embedded-database/index.ts';
import { openLog } from '../../../src/log.ts';
import { plainEnvironment } from '../../support/node-process.ts';
import type { Bench, Figures } from '../bench.ts';
import { startWork } from '../installation.ts';
import { type PhotoSet, samples, writeSet } from '../photos.ts';
import { cpuSecondsOf } from '../processes.ts';
import { type Counts, countsFor, throughOneWorker, throughWorkers } from '../throughput.ts';

const mainFile = fileURLToPath(new URL('../../../src/watchpost.mjs', import.meta.url));

/** Seconds that a run of the pipeline is to take. */
const seconds = 8;

/** The demo, and its photos over and over, on the embedded database. */
export const embedded: Bench = {
  name: 'embedded',
  measures: 'the demo from nothing to its end, and its photos over and over, on the embedded database',
  against: 'the same on a real server, which runs already',
  async prepare(server) {
    const folder = await mkdtemp(join(tmpdir(), 'watchpost-bench-embedded-'));
    const set = await samples();
    const path = await writeSet(set, folder);
    let known: Counts | undefined;
    const counts = async () => {
      known ??= await countsFor(path, availableParallelism(), seconds);
      return known;
    };
    let run = 0;
    return {
      comparisons: [
        {
          ours: () => demo(join(folder, `demo-${++run}`)),
          async theirs() {
            const name = `bench_demo_${++run}`;
            const url = await server.database(name, false);
            const figures = await demo(join(folder, `demo-${run}`), url);
            await server.drop(name);
            return figures;
          },
          judged: [
            { what: 'demo', unit: 's', figure: 'seconds', by: 'ratio', target: null },
            { what: 'demo to alert', unit: 'ms', figure: 'submit_to_alert_ms', by: 'ratio', target: null },
          ],
        },
        {
          ours: async () => throughEmbedded(join(folder, `data-${++run}`), set, await counts()),
          theirs: async () => throughOneWorker(server, `bench_embedded_${++run}`, set, await counts()),
          judged: [
            { what: 'sample photos', unit: 'photos/s', figure: 'photos_a_second', by: 'ratio', target: null },
          ],
        },
      ],
      end: () => rm(folder, { recursive: true, force: true }),
    };
  },
};

/** The whole process, as a newcomer starts it: database, tables, models, five photos, and the end. */
const demo = async (data: string, url?: string): Promise<Figures> => {
  const begun = performance.now();
  const { stdout } = await promisify(execFile)(process.execPath, [mainFile, 'demo', '--json'], {
    env: {
      ...plainEnvironment(),
      PORT: '0',
      WATCHPOST_DATA: data,
      WATCHPOST_LOG: 'warn',
      ...(url === undefined ? {} : { DATABASE_URL: url }),
    },
  });
  const took = (performance.now() - begun) / 1000;
  const { submit_to_alert_ms } = JSON.parse(stdout.trim().split('\n').at(-1)!) as {
    submit_to_alert_ms: number;
  };
  return { seconds: took, submit_to_alert_ms };
};

const throughEmbedded = async (dataDir: string, set: PhotoSet, counts: Counts): Promise<Figures> => {
  const database = await startEmbedded({ dataDir });
  const log = openLog('silent');
  const opened = openDatabase(database.url, { log });
  await migrate(opened.pool, log);
  await opened.close();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const worker = await startWork(database.url);
  const wal = async () => {
    const { rows } = await client.query<{ bytes: string }>(
      `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') as bytes`,
    );
    return Number(rows[0]!.bytes);
  };
  try {
    return await throughWorkers(client, [worker], set, counts, async (work) => {
      await client.query('vacuum analyze');
      await client.query('checkpoint');
      const before = { cpu: await cpuSecondsOf(database.pid()), wal: await wal() };
      const result = await work();
      const cpu = (await cpuSecondsOf(database.pid())) - before.cpu;
      return { result, cost: { cpu, walBytes: (await wal()) - before.wal } };
    });
  } finally {
    await worker.stop();
    await client.end();
    await database.stop();
  }
};
