import type { Context } from 'hono';
import { type Kysely, sql } from 'kysely';
import { retryCollisions } from '../database/retry.ts';
import type { DB } from '../database/types.generated.ts';
import type { Transact } from '../watchlist/registry.ts';
import type { Served } from './services.ts';

/** The transactions of a call: each is attributed to its caller. */
export const transactions =
  (c: Context<Served>): Transact =>
  (run) =>
    asCaller(c, run);

/** Attributes the transaction under way to the caller and the API key of a call, and to the call by its Request-Id. */
export const attribute = async (c: Context<Served>, trx: Kysely<DB>): Promise<void> => {
  await sql`
    select
      set_config('watchpost.actor', ${c.get('actor')}, true),
      set_config('watchpost.key', ${c.get('key').id}, true),
      set_config('watchpost.request_id', ${c.get('requestId')}, true)
  `.execute(trx);
};

/**
 * Runs something in one transaction that the record attributes to the caller, and to the key of the call. It is run again if Postgres aborts
 * the transaction in favour of a concurrent one, so it has no effect but in the database. A call with an Idempotency-Key has a
 * transaction already, which its caller may begin again: see idempotency.ts.
 */
export const asCaller = <T>(c: Context<Served>, run: (trx: Kysely<DB>) => Promise<T>): Promise<T> => {
  const db = c.get('db');
  if (db.isTransaction) return run(db);
  return retryCollisions(() =>
    db.transaction().execute(async (trx) => {
      await attribute(c, trx);
      return run(trx);
    }),
  );
};
