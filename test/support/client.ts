import pg from 'pg';
import { onTestFinished } from 'vitest';
import type { TestDatabase } from './database.ts';
import { until } from './until.ts';

/** A connection of its own, that ends with the test. */
export const connectClient = async (database: { readonly url: string }): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString: database.url });
  // A client that the server disconnects gets an 'error' event too, which without a listener would end the process.
  client.on('error', () => {});
  await client.connect();
  onTestFinished(() => client.end().catch(() => {}));
  return client;
};

/** Resolves with the process ids of the backends of this database that wait for a lock, once there are that many. */
export const untilBlocked = (database: TestDatabase, count = 1): Promise<number[]> =>
  until(async () => {
    const rows = await database.rows<{ pid: number }>(
      `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return rows.length >= count && rows.map((row) => row.pid);
  });
