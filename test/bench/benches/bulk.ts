import type { Bench, Figures } from '../bench.ts';
import { insertMany, makePlainTable } from '../tables.ts';

/** Seconds that one statement takes which inserts many photos. */
export const bulk: Bench = {
  name: 'bulk',
  measures: 'INSERT of many rows in one statement, seconds',
  against: 'the same table without triggers',
  async prepare(server) {
    const url = await server.database('bench_bulk', true);
    const client = await server.client(url);
    await makePlainTable(client);
    const take = async (rows: number, statement: string): Promise<Figures> => {
      const { result, cost } = await server.cost(url, async () => {
        const start = performance.now();
        await client.query(statement, [rows]);
        return (performance.now() - start) / 1000;
      });
      return { seconds: result, server_cpu_s: cost.cpu, wal_bytes_a_row: cost.walBytes / rows };
    };
    return {
      comparisons: [10_000, 100_000].map((rows) => ({
        ours: () => take(rows, insertMany.ours),
        theirs: () => take(rows, insertMany.theirs),
        judged: [{ what: `${rows} rows`, unit: 's', figure: 'seconds', by: 'ratio', target: { atMost: 3 } }],
      })),
      async end() {
        await client.end();
        await server.drop('bench_bulk');
      },
    };
  },
};
