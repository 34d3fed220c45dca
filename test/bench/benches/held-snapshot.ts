import { availableParallelism } from 'node:os';
import type pg from 'pg';
import type { Bench, Comparison, Figures } from '../bench.ts';
import { calm, type Done, held, holdSnapshot, lastWindow, rate, windowsOf, writePaced } from '../held.ts';
import { type Running, start } from '../program.ts';
import type { Server } from '../server.ts';

const events = rate * (calm + held);
const concurrency = 2 * availableParallelism();

/** Whether a queue keeps its pace while somebody holds a snapshot, so that vacuum can remove nothing. */
export const heldSnapshot: Bench = {
  name: 'held-snapshot',
  measures: `${rate} events/s one by one, one a job, in the last window of a snapshot that is held for ${held} s`,
  against: 'the window before the snapshot was taken',
  async prepare(server) {
    return {
      comparisons: [
        comparisonOf('snapshot', server, ours, false),
        comparisonOf('snapshot and locks', server, ours, true),
        comparisonOf('graphile-worker, snapshot', server, graphileWorker, false),
      ],
      end: async () => {},
    };
  },
};

/** What is measured: begins to work, is given events, and returns what became of them by window. */
type Queue = (
  server: Server,
  url: string,
  client: pg.Client,
) => Promise<{
  running: Running;
  write(n: number, window: string): Promise<void>;
  windows(): Promise<Figures>;
}>;

const comparisonOf = (what: string, server: Server, queue: Queue, withLocks: boolean): Comparison => {
  let before: Figures = {};
  return {
    rounds: 1,
    async ours() {
      const windows = await runOnce(server, queue, withLocks);
      before = { rate: windows.before_rate!, p95: windows.before_p95! };
      return { rate: windows[`${lastWindow}_rate`]!, p95: windows[`${lastWindow}_p95`]!, ...windows };
    },
    theirs: async () => before,
    judged: [
      {
        what: `${what}: handled`,
        unit: 'events/s',
        figure: 'rate',
        by: 'ratio',
        target: queue === ours ? { atLeast: 0.99 } : null,
      },
      {
        what: `${what}: p95`,
        unit: 'ms',
        figure: 'p95',
        by: 'ratio',
        target: queue === ours ? { atMost: 2 } : null,
      },
    ],
  };
};

const runOnce = async (server: Server, queue: Queue, withLocks: boolean): Promise<Figures> => {
  const name = `bench_held_${queue.name.toLowerCase()}_${withLocks ? 'locks' : 'snapshot'}`;
  const url = await server.database(name, queue === ours);
  const client = await server.client(url);
  const holder = await server.client(url);
  try {
    const { running, write, windows } = await queue(server, url, client);
    await running.ready;
    let taken: Promise<void> | undefined;
    await writePaced(async (n, window) => {
      if (n === rate * calm) taken = holdSnapshot(holder, withLocks);
      await write(n, window);
    });
    await taken;
    await holder.query('rollback');
    return await windows();
  } finally {
    await holder.end();
    await client.end();
    await server.drop(name);
  }
};

const ours: Queue = async (_, url, client) => {
  await client.query(
    `insert into watchpost.subscription (topic, task, batch_size, delivery) values ('bench', 'noop', 1, 'claim')`,
  );
  const running = start('handle-events', { url, events, concurrency });
  return {
    running,
    async write(n, window) {
      await client.query({
        name: 'event',
        text: `insert into watchpost.event (topic, subject_id, payload, tasks)
               values (
                 'bench', watchpost.uuidv7(),
                 jsonb_strip_nulls(jsonb_build_object('n', $1::int, 'window', $2::text, 'source', $3::text)), '{noop}'
               )`,
        // Half of them without a source, and half of four cameras, as photos are.
        values: [n, window, n % 2 === 0 ? null : `camera ${n % 8}`],
      });
    },
    async windows() {
      await running.report;
      const { rows } = await client.query<Done>(
        `select
           e.payload ->> 'window' as window,
           1000 * extract(epoch from h.created_at)::float8 as "doneAt",
           1000 * extract(epoch from h.created_at - e.created_at)::float8 as ms
         from watchpost.event as e
         join watchpost.handling as h on h.event_id = e.id
         where e.topic = 'bench' and h.outcome = 'done'`,
      );
      return windowsOf(rows);
    },
  };
};

const graphileWorker: Queue = async (_, url, client) => {
  const running = start('peer-paced', { url, jobs: events, concurrency });
  return {
    running,
    async write(_n, window) {
      await client.query({
        name: 'job',
        text: `select graphile_worker.add_job('noop', json_build_object('at', $1::float8, 'window', $2::text))`,
        values: [Date.now(), window],
      });
    },
    windows: async () => (await running.report).more!,
  };
};
