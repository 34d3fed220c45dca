import { availableParallelism } from 'node:os';
import type { Bench, Figures } from '../bench.ts';
import { start } from '../program.ts';
import type { Server } from '../server.ts';

const events = 200_000;

/** Rows of one INSERT: an event is not seen before its transaction ends, and no camera writes 200,000 in one. */
const inOneInsert = 10_000;

/** Events of one job: as many as the peer fetches jobs at a time. */
const batchSize = 500;

/** Events a second from the beginning of their INSERT to the last one's handling, by a stage that does nothing. */
export const eventsBench: Bench = {
  name: 'events',
  measures: `${events} events, INSERT to handled, one worker process, no-op stage, events/s`,
  against: 'graphile-worker as on its performance page, as many jobs inserted before, jobs/s',
  async prepare(server) {
    let run = 0;
    return {
      comparisons: [
        {
          ours: () => handleEvents(server, `bench_events_${++run}`),
          theirs: () => runJobs(server, `bench_jobs_${++run}`),
          judged: [
            {
              what: `${events} events`,
              unit: 'events/s',
              figure: 'rate',
              by: 'ratio',
              target: { atLeast: 1 },
            },
          ],
        },
      ],
      end: async () => {},
    };
  },
};

/** Events handled by a worker process, in a database of this name. */
const handleEvents = async (server: Server, name: string): Promise<Figures> => {
  const url = await server.database(name, true);
  const client = await server.client(url);
  await client.query(
    `insert into watchpost.subscription (topic, task, batch_size, delivery) values ('bench', 'noop', $1, 'claim')`,
    [batchSize],
  );
  const worker = start('handle-events', { url, events, concurrency: availableParallelism() });
  await worker.ready;
  const { result, cost } = await server.cost(url, async () => {
    const begun = Date.now();
    for (let first = 1; first <= events; first += inOneInsert) {
      await client.query(
        `insert into watchpost.event (topic, subject_id, payload, tasks)
         select 'bench', watchpost.uuidv7(), jsonb_build_object('n', n), '{noop}'
         from generate_series($1::int, $2::int) as n`,
        [first, first + inOneInsert - 1],
      );
    }
    const inserted = Date.now();
    return { begun, inserted, report: await worker.report };
  });
  await client.end();
  await server.drop(name);
  const { begun, inserted, report } = result;
  return {
    rate: events / ((report.ended - begun) / 1000),
    insert_s: (inserted - begun) / 1000,
    server_cpu_s: cost.cpu,
    worker_cpu_s: report.cpu,
    wal_bytes_an_event: cost.walBytes / events,
    worker_mb: report.memory,
  };
};

/** As many jobs run by graphile-worker alone, in a database of this name. */
const runJobs = async (server: Server, name: string): Promise<Figures> => {
  const url = await server.database(name, false);
  // Its schema, made by a first run that has nothing to do.
  await start('peer-jobs', { url, jobs: 0 }).report;
  const client = await server.client(url);
  await client.query(
    `select from graphile_worker.add_jobs(array(
       select ('noop', json_build_object('n', n), null, null, null, null, null, null)::graphile_worker.job_spec
       from generate_series(1, $1::int) as n))`,
    [events],
  );
  const { result: report, cost } = await server.cost(
    url,
    () => start('peer-jobs', { url, jobs: events }).report,
  );
  await client.end();
  await server.drop(name);
  return {
    rate: events / ((report.ended - report.begun) / 1000),
    server_cpu_s: cost.cpu,
    worker_cpu_s: report.cpu,
    wal_bytes_an_event: cost.walBytes / events,
    worker_mb: report.memory,
  };
};
