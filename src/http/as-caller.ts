import { sql, type Transaction } from 'kysely';
import type { Database } from '../database/pool.ts';
import type { DB } from '../database/types.generated.ts';

/** Does something in one transaction, in the name of a caller: the record shows it as done by `api:NAME`. */
export const asCaller = <T>(
  database: Database,
  caller: string,
  run: (trx: Transaction<DB>) => Promise<T>,
): Promise<T> =>
  database.db.transaction().execute(async (trx) => {
    await sql`select set_config('watchpost.actor', ${`api:${caller}`}, true)`.execute(trx);
    return run(trx);
  });
