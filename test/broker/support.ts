import { onTestFinished } from 'vitest';
import type { TestDatabase } from '../support/database.ts';

/** A topic with one consumer, gone with its jobs when the test has ended. */
export const subscribe = async (
  database: TestDatabase,
  subscription: { task: string; batch_size?: number; max_attempts?: number; priority?: number },
): Promise<string> => {
  const { task, batch_size = 1, max_attempts = 5, priority = 0 } = subscription;
  const topic = `test.${task}`;
  await database.rows(
    'insert into watchpost.subscription (topic, task, batch_size, max_attempts, priority) values ($1, $2, $3, $4, $5)',
    [topic, task, batch_size, max_attempts, priority],
  );
  onTestFinished(async () => {
    await database.rows('delete from watchpost.subscription where task = $1', [task]);
    await database.rows('delete from watchpost.outbox where task = $1', [task]);
    await database.rows(
      `delete from graphile_worker._private_jobs where task_id in
         (select id from graphile_worker._private_tasks where identifier = $1)`,
      [task],
    );
  });
  return topic;
};

/** One statement that makes events of a topic: `$1` the task, `$2` how many, `$3` how many of them share an image. */
export const emitting = `
  with image as (
    select at, watchpost.uuidv7() as id from generate_series(0, ($2::int - 1) / $3::int) as at
  )
  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select 'test.' || $1, watchpost.uuidv7(), i.id, jsonb_build_object('n', n), array[$1::text]
  from generate_series(0, $2::int - 1) as n
  join image as i on i.at = n / $3::int
  order by n
`;

/** Commits that many events for a task. */
export const emit = (database: TestDatabase, task: string, count: number, perImage = 1): Promise<unknown> =>
  database.rows(emitting, [task, count, perImage]);

export interface Job {
  readonly payload: { readonly event_id: string; readonly n: number }[];
  readonly max_attempts: number;
  readonly priority: number;
}

/** The jobs of a task that wait, in the order they were made. */
export const jobsOf = (database: TestDatabase, task: string): Promise<Job[]> =>
  database.rows<Job>(
    `select j.payload, j.max_attempts, j.priority
     from graphile_worker._private_jobs as j
     join graphile_worker._private_tasks as t on t.id = j.task_id
     where t.identifier = $1
     order by j.id`,
    [task],
  );

/** The numbers of the events that are in jobs, sorted: each once if none was lost or doubled. */
export const numbersIn = (jobs: readonly Job[]): number[] =>
  jobs.flatMap((job) => job.payload.map((item) => item.n)).sort((a, b) => a - b);

/** 0, 1, 2 … */
export const firstNumbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
