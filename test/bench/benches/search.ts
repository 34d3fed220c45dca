import { type Database, openDatabase } from '../../../src/database/pool.ts';
import { openLog } from '../../../src/log.ts';
import { findNearest } from '../../../src/watchlist/nearest.ts';
import type { Bench, Comparison, Figures } from '../bench.ts';
import { lists, type Million, openMillion } from '../million.ts';
import { openPlain, type Plain, widest } from '../plain.ts';
import { type Probe, readProbes } from '../probes.ts';

type List = keyof typeof lists;

/** One side: asks for a probe, and returns what share of the ten nearest it found. */
type Ask = (probe: Probe) => Promise<() => number>;

/** Milliseconds of a search of one face among a million references, and how many of the ten nearest it finds. */
export const search: Bench = {
  name: 'search',
  measures: 'the 10 nearest people among 1,000,000 references, with the list filter, p95 in ms',
  against: `the 10 nearest of these references by a plain pgvector query, prepared, asked as widely as finds as many, or ${widest}`,
  async prepare(server, options) {
    const million = await openMillion(server, options);
    const probes = await readProbes(million);
    const plain = await openPlain(million, probes);
    const database = openDatabase(million.url, { log: openLog('silent'), max: 1 });
    const sides = { million, probes, plain, database };
    return {
      comparisons: [
        comparisonOf(sides, 'all listed', 'everybody'),
        comparisonOf(sides, 'a tenth listed', 'tenth'),
      ],
      async end() {
        await plain.end();
        await database.close();
        await million.end();
      },
    };
  },
};

/** What both sides search, and by what. */
interface Sides {
  readonly million: Million;
  readonly probes: readonly Probe[];
  readonly plain: Plain;
  readonly database: Database;
}

const comparisonOf = (sides: Sides, what: string, list: List): Comparison => {
  const { million, plain, probes } = sides;
  const [ours, theirs] = [askOurs(sides, list), askPlain(sides, list)];
  let width: number | undefined;
  return {
    ours: async () => {
      const client = await million.server.client(million.url);
      await client.query('update watchpost.watchlist set enabled = name = $1', [lists[list]]);
      await client.end();
      const figures = await measure(sides, ours);
      // An exact scan finds them all: what ours is judged by.
      return { ...figures, of_exact: figures.recall!, ef_search: 0 };
    },
    theirs: async () => {
      width ??= await widthFor(sides, await recallOf(probes, ours), theirs);
      await plain.width(width);
      return { ...(await measure(sides, theirs)), of_exact: 1, ef_search: width };
    },
    judged: [
      { what: `${what} p95`, unit: 'ms', figure: 'p95', by: 'ratio', target: { atMost: 1.2 } },
      { what: `${what} CPU`, unit: 'ms', figure: 'server_cpu_ms', by: 'ratio', target: null },
      { what: `${what} exact`, unit: 'of 1', figure: 'of_exact', by: 'ratio', target: { atLeast: 0.99 } },
      { what: `${what} recall`, unit: 'of 1', figure: 'recall', by: 'ratio', target: null },
    ],
  };
};

const askOurs =
  ({ database }: Sides, list: List): Ask =>
  async ({ id, [list]: truth }) => {
    const found = (await findNearest(database.db, [id], { most: 10 })).get(id);
    if (found?.method !== 'hnsw') throw new Error('The index was not asked.');
    return () =>
      truth.filter((one) => found.candidates.some(({ person_id }) => person_id === one)).length /
      truth.length;
  };

/** As somebody would write it: the list filter in the query, an iterative scan. */
const askPlain =
  ({ plain }: Sides, list: List): Ask =>
  async (probe) => {
    const found = await plain.find(list, probe);
    return () => plain.recall(list, probe, found);
  };

const recallOf = async (probes: readonly Probe[], ask: Ask): Promise<number> => {
  let sum = 0;
  for (const probe of probes) sum += (await ask(probe))();
  return sum / probes.length;
};

const measure = async ({ million, probes }: Sides, ask: Ask): Promise<Figures> => {
  await recallOf(probes, ask);
  const times: number[] = [];
  let found = 0;
  const { cost } = await million.server.cost(million.url, async () => {
    for (const probe of probes) {
      const begun = performance.now();
      const share = await ask(probe);
      times.push(performance.now() - begun);
      found += share();
    }
  });
  times.sort((a, b) => a - b);
  return {
    p50: times[Math.floor(times.length * 0.5)]!,
    p95: times[Math.floor(times.length * 0.95)]!,
    mean: times.reduce((sum, time) => sum + time, 0) / times.length,
    recall: found / probes.length,
    server_cpu_ms: (cost.cpu * 1000) / times.length,
  };
};

/** The least of these at which the plain query finds as many of its ten as ours does of its. */
const widthFor = async ({ plain, probes }: Sides, recall: number, ask: Ask): Promise<number> => {
  for (const width of [100, 200, 400, 600, 800]) {
    await plain.width(width);
    if ((await recallOf(probes, ask)) >= recall - 0.002) return width;
  }
  return widest;
};
