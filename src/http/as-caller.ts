import { sql, type Transaction } from 'kysely';
import type { Database } from '../database/pool.ts';
import { retryCollisions } from '../database/retry.ts';
import type { DB } from '../database/types.generated.ts';
import type { Transact } from '../watchlist/registry.ts';

/** How the record names an API key: `api:NAME`. */
export const actorOf = (caller: string): string => `api:${caller}`;

/** The transactions of an API key: each is attributed to it. */
export const transactions =
  (database: Database, caller: string): Transact =>
  (run) =>
    asCaller(database, caller, run);

/**
 * Runs something in one transaction that the record attributes to an API key. It is run again if Postgres aborts the
 * transaction in favour of a concurrent one, so it has no effect but in the database.
 */
export const asCaller = <T>(
  database: Database,
  caller: string,
  run: (trx: Transaction<DB>) => Promise<T>,
): Promise<T> =>
  retryCollisions(() =>
    database.db.transaction().execute(async (trx) => {
      await sql`select set_config('watchpost.actor', ${actorOf(caller)}, true)`.execute(trx);
      return run(trx);
    }),
  );
