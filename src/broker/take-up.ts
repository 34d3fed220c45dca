import type { Database } from '../database/pool.ts';

/** A job that a worker has locked for itself as it wrote what the job is for. */
export interface TakenJob {
  /** bigint, as graphile-worker's. */
  readonly id: string;
  readonly task: string;
  /** From 1. */
  readonly attempts: number;
  readonly max_attempts: number;
  /** One item an event, each with its event_id. */
  readonly payload: readonly { readonly event_id: string }[];
}

/** What a worker asks for with what it writes: see fill_outbox in sql/2-broker/outbox.sql. */
export interface Taker {
  /** graphile-worker's pool of this process: what its jobs are locked by. */
  readonly pool: string;
  /** Unlike that of any other transaction. */
  readonly key: string;
  /** The tasks that this process takes up itself. */
  readonly tasks: readonly string[];
}

/**
 * The jobs that a taker has got, the most urgent first.
 *
 * @param finished the taken job that is done, and goes.
 */
export const takeUp = async (
  { pool }: Database,
  { key, tasks }: Taker,
  finished: string | null,
): Promise<TakenJob[]> => {
  const { rows } = await pool.query<TakenJob>({
    name: 'watchpost-take-up',
    text: 'select * from watchpost.take_up($1, $2)',
    values: [tasks.map((task) => key + task), finished],
  });
  return rows;
};

/** Gives a taken job back to graphile-worker, for those of its items that are to be tried again later. */
export const giveBack = async (
  { pool }: Database,
  job: TakenJob,
  items: readonly object[],
  error: Error,
): Promise<void> => {
  await pool.query('select watchpost.give_back($1, $2, $3)', [job.id, JSON.stringify(items), error.message]);
};
