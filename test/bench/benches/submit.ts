import type { Bench, Figures } from '../bench.ts';
import { start } from '../program.ts';
import { insertOne, makePlainTable } from '../tables.ts';

/** Seconds of one run: thousands of transactions, and short enough to alternate. */
const seconds = 4;

/** Rows a second when photos are inserted one by one. */
export const submit: Bench = {
  name: 'submit',
  measures: 'single-row INSERT of photos of 100 bytes, rows/s',
  against: 'the same table without triggers',
  async prepare(server) {
    const url = await server.database('bench_submit', true);
    const client = await server.client(url);
    await makePlainTable(client);
    await client.end();
    const take = async (clients: number, statement: string): Promise<Figures> => {
      const { result, cost } = await server.cost(url, () => {
        const running = start('insert-rows', { url, statement, clients, seconds });
        return running.report;
      });
      return {
        rate: result.done / ((result.ended - result.begun) / 1000),
        ...result.latency,
        server_cpu_s: cost.cpu,
        client_cpu_s: result.cpu,
        wal_bytes_a_row: cost.walBytes / result.done,
      };
    };
    return {
      comparisons: [1, 16, 48].map((clients) => ({
        ours: () => take(clients, insertOne.ours),
        theirs: () => take(clients, insertOne.theirs),
        judged: [
          {
            what: `${clients} client${clients > 1 ? 's' : ''}`,
            unit: 'rows/s',
            figure: 'rate',
            by: 'ratio',
            target: clients === 16 ? { atLeast: 0.6 } : null,
          },
        ],
      })),
      end: () => server.drop('bench_submit'),
    };
  },
};
