import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import { NodeProcess } from '../../support/node-process.ts';
import type { Bench, Figures } from '../bench.ts';
import { endOf, enrol, forget, sightingsOf } from '../enrolling.ts';
import { faces, lists, type Million, model, openMillion } from '../million.ts';

/** Faces a second that are seen live meanwhile, and for how long. */
const live = { rate: 20, seconds: 8 };

/** Seconds from somebody's enrolment until the last past face was compared, and what live faces notice of it. */
export const backfill: Bench = {
  name: 'backfill',
  measures: `one person enrolled against ${faces} past faces, from the event to the end of the search, seconds`,
  against: 'one exact scan of them by one process, as plain SQL',
  async prepare(server, options) {
    const million = await openMillion(server, options);
    const { url } = million;
    const client = await million.server.client(url);
    await client.query('update watchpost.watchlist set enabled = name = $1', [lists.everybody]);
    // Warm, for both sides: the first time that a session passes over all this memory it takes 1.9 s of CPU instead of
    // 0.5, as each of its pages is mapped then. The worker has several sessions, and any of them may be the one.
    await client.query(`select count(*) from watchpost.embedding where norm < 0`);
    const worker = new NodeProcess(
      [fileURLToPath(new URL('../../../src/watchpost.mjs', import.meta.url)), 'work'],
      { ...process.env, DATABASE_URL: url, WATCHPOST_LOG: 'warn' },
    );
    let next = 0;
    const ours = () => searchPast(million, client, next++);
    for (let n = 0; n < 5; n++) await ours();
    return {
      comparisons: [
        {
          ours,
          theirs: () => scanPast(client, 1),
          judged: [
            { what: 'enrolled', unit: 's', figure: 'seconds', by: 'ratio', target: { atMost: 1 } },
            { what: 'found', unit: 'faces', figure: 'found', by: 'ratio', target: null },
          ],
        },
        {
          ours,
          theirs: () => scanPast(client, 3),
          judged: [{ what: 'parallel scan', unit: 's', figure: 'seconds', by: 'ratio', target: null }],
        },
        {
          ours: () => sightingsWhile(million, ours),
          theirs: () => sightingsWhile(million, pause),
          judged: [
            { what: 'live meanwhile', unit: 'ms', figure: 'p95', by: 'ratio', target: { atMost: 1.3 } },
            { what: 'its median', unit: 'ms', figure: 'p50', by: 'ratio', target: null },
          ],
        },
      ],
      async end() {
        await worker.stop();
        await client.end();
        await million.end();
      },
    };
  },
};

/** Enrols the person of this number and waits until the worker has searched the past for them. */
const searchPast = async (million: Million, client: pg.Client, number: number): Promise<Figures> => {
  const person = await enrol(client, number);
  const ended = await endOf(client, person);
  await forget(client, person);
  const huge_pages = Number(million.server.hugePages);
  return { seconds: ended.seconds, searched: ended.searched, found: ended.found, huge_pages };
};

/** One exact scan of all past faces by so many processes of Postgres. */
const scanPast = async (client: pg.Client, processes: number): Promise<Figures> => {
  await client.query(`set max_parallel_workers_per_gather = ${processes - 1}`);
  const { rows: probes } = await client.query<{ vector: string }>(
    'select vector::text from watchpost.embedding order by id desc offset 5 limit 1',
  );
  const begun = performance.now();
  const { rows } = await client.query(
    `select id from watchpost.embedding
     where model_id = $1 and superseded_at is null and 1 - (vector <=> $2::halfvec) >= 0.6`,
    [model, probes[0]?.vector],
  );
  const seconds = (performance.now() - begun) / 1000;
  await client.query('reset max_parallel_workers_per_gather');
  return { seconds, searched: faces, found: rows.length };
};

/** Live faces at an even pace, while `meanwhile` is repeated. */
const sightingsWhile = async (million: Million, meanwhile: () => Promise<unknown>): Promise<Figures> => {
  let over = false;
  const busy = (async () => {
    while (!over) await meanwhile();
  })();
  const feeder = await million.server.client(million.url);
  const times = await sightingsOf(feeder, live);
  over = true;
  await busy;
  await feeder.end();
  times.sort((a, b) => a - b);
  return { p50: times[Math.floor(times.length * 0.5)]!, p95: times[Math.floor(times.length * 0.95)]! };
};

const pause = () => new Promise((resolve) => setTimeout(resolve, 100));
