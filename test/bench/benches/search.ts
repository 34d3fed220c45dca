import { openDatabase } from '../../../src/database/pool.ts';
import { openLog } from '../../../src/log.ts';
import { findNearest } from '../../../src/watchlist/nearest.ts';
import type { Bench, Comparison, Figures } from '../bench.ts';
import { dimension } from '../faces.ts';
import { lists, model, openMillion } from '../million.ts';
import { type Probe, readProbes } from '../probes.ts';

/** Milliseconds of a search of one face among a million references, and how many of the ten nearest it finds. */
export const search: Bench = {
  name: 'search',
  measures: 'the 10 nearest people among 1,000,000 references, with the list filter, p95 in ms',
  against:
    'the 10 nearest references of the same people by a plain pgvector query, prepared, with the same ef_search',
  async prepare(server, options) {
    const million = await openMillion(server, options);
    const probes = await readProbes(million);
    const { url } = million;
    const log = openLog('silent');
    const database = openDatabase(url, { log, max: 1 });
    const client = await million.server.client(url);
    const enable = (name: string) =>
      client.query('update watchpost.watchlist set enabled = name = $1', [name]);
    const efSearch = await searchWidth(client, probes[0]!);
    await client.query(`set hnsw.ef_search = ${efSearch}; set hnsw.iterative_scan = relaxed_order`);

    const measure = async (
      truth: (probe: Probe) => readonly string[],
      find: (probe: Probe) => Promise<string[]>,
    ): Promise<Figures> => {
      for (const probe of probes) await find(probe);
      const times: number[] = [];
      const shares: number[] = [];
      const { cost } = await million.server.cost(url, async () => {
        for (const probe of probes) {
          const begun = performance.now();
          const found = await find(probe);
          times.push(performance.now() - begun);
          shares.push(truth(probe).filter((one) => found.includes(one)).length / truth(probe).length);
        }
      });
      times.sort((a, b) => a - b);
      return {
        p50: times[Math.floor(times.length * 0.5)]!,
        p95: times[Math.floor(times.length * 0.95)]!,
        mean: times.reduce((sum, time) => sum + time, 0) / times.length,
        recall: shares.reduce((sum, share) => sum + share, 0) / shares.length,
        // An exact scan finds them all: what ours is judged by.
        of_exact: 1,
        server_cpu_ms: (cost.cpu * 1000) / times.length,
        ef_search: efSearch,
      };
    };

    const ours = async (list: 'everybody' | 'tenth'): Promise<Figures> => {
      await enable(lists[list]);
      const figures = await measure(
        (probe) => probe[list],
        async ({ id }) => {
          const found = (await findNearest(database.db, [id], { most: 10 })).get(id);
          if (found?.method !== 'hnsw') throw new Error('The index was not asked.');
          return found.candidates.map((one) => one.person_id);
        },
      );
      return { ...figures, of_exact: figures.recall! };
    };
    /** As somebody would write it who has pgvector and nothing else: the list filter in the query, an iterative scan. */
    const plain = (list: 'everybody' | 'tenth') => async (probe: Probe) => {
      const { rows } = await client.query<{ id: string }>({
        name: `plain ${list}`,
        text: `
          select r.person_id as id from watchpost.reference as r
          where r.model_id = '${model}'
            and exists (
              select from watchpost.watchlist_entry as e
              where e.person_id = r.person_id
                and e.watchlist_id = (select w.id from watchpost.watchlist as w where w.name = $2)
            )
          order by r.vector::halfvec(${dimension}) <=> $1::halfvec(${dimension}) limit 10`,
        values: [probe.vector, lists[list]],
      });
      return rows.map((row) => row.id);
    };
    const comparison = (what: string, list: 'everybody' | 'tenth'): Comparison => ({
      ours: () => ours(list),
      theirs: () => measure((probe) => probe[list], plain(list)),
      judged: [
        { what: `${what} p95`, unit: 'ms', figure: 'p95', by: 'ratio', target: { atMost: 1.2 } },
        { what: `${what} CPU`, unit: 'ms', figure: 'server_cpu_ms', by: 'ratio', target: null },
        { what: `${what} exact`, unit: 'of 1', figure: 'of_exact', by: 'ratio', target: { atLeast: 0.99 } },
      ],
    });
    return {
      comparisons: [comparison('all listed', 'everybody'), comparison('a tenth listed', 'tenth')],
      async end() {
        await client.end();
        await database.close();
        await million.end();
      },
    };
  },
};

/** What the product sets for its own search, and only there. */
const searchWidth = async (
  client: { query(text: string, values?: unknown[]): Promise<{ rows: { width: string }[] }> },
  probe: Probe,
): Promise<number> => {
  await client.query('begin');
  await client.query(`select watchpost.nearest_people($1::halfvec, $2, 'hnsw')`, [probe.vector, model]);
  const { rows } = await client.query(`select current_setting('hnsw.ef_search') as width`);
  await client.query('commit');
  return Number(rows[0]?.width);
};
