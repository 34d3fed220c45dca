import pg from 'pg';
import type { TestDatabase } from './database.ts';
import { until } from './until.ts';

/**
 * Blocks every worker that has claimed a photo until `release`, so that a test can act on a worker in the middle of its
 * work.
 */
export const holdPhotos = async (database: TestDatabase): Promise<{ release(): Promise<void> }> => {
  // Not from the pool, which ends transactions that are idle for long.
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query('begin');
  // Every detect asks whether its photo enrols somebody, and submitting a photo does not.
  await client.query('lock table watchpost.person_photo in access exclusive mode');
  return {
    async release() {
      await client.query('rollback');
      await client.end();
    },
  };
};

/** Resolves when a worker has claimed events and is at them, with the oldest claim. */
export const untilClaimed = (
  database: TestDatabase,
): Promise<{ id: string; attempts: number; worker_id: string }> =>
  until(async () => {
    const [claim] = await database.rows(
      'select id, attempts, worker_id from watchpost.claim where worker_id is not null order by id limit 1',
    );
    const [waiting] = await database.rows(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return claim && waiting ? claim : undefined;
  });
