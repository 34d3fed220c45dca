import type { Context } from 'hono';
import { sql, type Transaction } from 'kysely';
import { retryCollisions } from '../database/retry.ts';
import type { DB } from '../database/types.generated.ts';
import type { Transact } from '../watchlist/registry.ts';
import type { Served } from './services.ts';

/** How the record names an API key: `api:NAME`. */
export const actorOf = (caller: string): string => `api:${caller}`;

/** The transactions of a call: each is attributed to its API key. */
export const transactions =
  (c: Context<Served>): Transact =>
  (run) =>
    asCaller(c, run);

/**
 * Runs something in one transaction that the record attributes to the API key of a call. It is run again if Postgres aborts
 * the transaction in favour of a concurrent one, so it has no effect but in the database.
 */
export const asCaller = <T>(c: Context<Served>, run: (trx: Transaction<DB>) => Promise<T>): Promise<T> =>
  retryCollisions(() =>
    c
      .get('db')
      .transaction()
      .execute(async (trx) => {
        await sql`select set_config('watchpost.actor', ${actorOf(c.get('caller'))}, true)`.execute(trx);
        return run(trx);
      }),
  );
