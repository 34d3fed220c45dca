import type pg from 'pg';
import { onTestFinished } from 'vitest';
import type { ClaimedRow } from '../../src/broker/claims.ts';
import { onServer, type TestDatabase } from '../support/database.ts';

/** Adds a topic with one consumer; both are removed, with their work, when the test has ended. */
export const subscribe = async (
  database: TestDatabase,
  subscription: {
    task: string;
    batch_size?: number;
    max_attempts?: number;
    priority?: number;
    delivery?: 'claim' | 'job';
    queue_by?: string;
  },
): Promise<string> => {
  const { task, batch_size = 1, max_attempts = 5, priority = 0, delivery = 'claim', queue_by } = subscription;
  const topic = `test.${task}`;
  await database.rows(
    `insert into watchpost.subscription (topic, task, batch_size, max_attempts, priority, delivery, queue_by)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [topic, task, batch_size, max_attempts, priority, delivery, queue_by ?? null],
  );
  onTestFinished(async () => {
    await database.rows('delete from watchpost.subscription where task = $1', [task]);
    await database.rows('delete from watchpost.outbox where task = $1', [task]);
    await database.rows('delete from watchpost.claim where task = $1', [task]);
    await database.rows(
      `select graphile_worker.complete_jobs(array(select j.id from watchpost.list_jobs() as j where j.task = $1))`,
      [task],
    );
  });
  return topic;
};

/** The embedded database's clock counts milliseconds, so keys made in one statement would not be in order. */
const key = onServer
  ? 'watchpost.record_key()'
  : `overlay(gen_random_uuid()::text
       placing left(watchpost.uuidv7_at(clock_timestamp() + n * interval '1 ms')::text, 15) from 1)::uuid`;

/** One statement that makes events of a topic: `$1` the task, `$2` how many, `$3` their source, or null. */
export const emitting = `
  insert into watchpost.event (id, topic, subject_id, payload, tasks)
  select ${key}, 'test.' || $1, watchpost.uuidv7(),
    jsonb_strip_nulls(jsonb_build_object('n', n, 'source', $3::text)), array[$1::text]
  from generate_series(0, $2::int - 1) as n
  order by n
`;

/** Inserts and commits `count` events for a task. */
export const emit = (
  database: TestDatabase,
  task: string,
  count: number,
  source: string | null = null,
): Promise<unknown> => database.rows(emitting, [task, count, source]);

/** A worker's row, without a process. */
export const addWorker = async (
  database: TestDatabase,
  tasks: string[],
  pools: string[] = [],
): Promise<string> => {
  const [worker] = await database.rows<{ id: string }>(
    `insert into watchpost.worker (host, pid, version, concurrency, tasks, pools)
     values ('nowhere', 1, '0', 1, $1, $2) returning id`,
    [tasks, pools],
  );
  return worker!.id;
};

/** Claims up to `most` batches for a worker. */
export const claim = async (
  database: TestDatabase | pg.Client,
  worker: string,
  tasks: string[],
  most: number,
  { source = '', bounds = '{}', relays = false } = {},
): Promise<(Omit<ClaimedRow, 'items'> & { items: { event_id: string; n: number; source?: string }[] })[]> => {
  const text = 'select * from watchpost.claim($1, $2, $3, $4, $5, $6)';
  const values = [worker, tasks, most, source, bounds, relays];
  return 'rows' in database ? database.rows(text, values) : (await database.query(text, values)).rows;
};

/** The numbers of the events in batches, in their order. */
export const numbersOf = (batches: readonly { items: readonly { n: number }[] }[]): number[] =>
  batches.flatMap(({ items }) => items.map(({ n }) => n));

/** Events of a task that wait in the outbox. */
export const waiting = async (database: TestDatabase, task: string): Promise<number> =>
  (await database.rows('select count(*)::int as n from watchpost.outbox where task = $1', [task]))[0].n;

/** The claims on a task, the oldest first. */
export const claimsOf = (database: TestDatabase, task: string) =>
  database.rows<{ id: string; events: string[]; attempts: number; worker_id: string | null }>(
    'select id, events, attempts, worker_id from watchpost.claim where task = $1 order by events[1]',
    [task],
  );

interface Job {
  readonly id: string;
  readonly payload: { readonly event_id: string; readonly n: number }[];
  readonly attempts: number;
  readonly max_attempts: number;
  readonly priority: number;
  readonly queue_name: string | null;
  readonly flags: object | null;
  readonly due: boolean;
}

/** The jobs of a task that wait, in the order they were made. */
export const jobsOf = (database: TestDatabase, task: string): Promise<Job[]> =>
  database.rows<Job>(
    `select j.id, l.payload, j.attempts, j.max_attempts, j.priority, j.queue_name, j.flags, j.run_at <= now() as due
     from graphile_worker.jobs as j
     join watchpost.list_jobs() as l on l.id = j.id
     where j.task_identifier = $1
     order by j.id`,
    [task],
  );

/** The numbers of the events that are in jobs, sorted: each once if none was lost or doubled. */
export const numbersIn = (jobs: readonly Job[]): number[] =>
  jobs.flatMap((job) => job.payload.map((item) => item.n)).sort((a, b) => a - b);

/** 0, 1, 2 … */
export const firstNumbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
