import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { findWatchlist } from './entries.ts';

/** When the alerts of a list are sent, and to whom if nobody acknowledges them: the tables paging…. */
export interface Paging {
  /** In which the quiet hours are meant, like Europe/Berlin. */
  readonly time_zone: string;
  /** Days on which they begin, 1 is Monday; `HH:MM`. If they do not end after their beginning, they end on the next day. */
  readonly quiet: readonly {
    readonly days: readonly number[];
    readonly begins: string;
    readonly ends: string;
  }[];
  /** Whether critical alerts are sent in quiet hours too. */
  readonly critical_pierces: boolean;
  /** So many messages an endpoint within so many seconds; both null: no limit. */
  readonly at_most: number | null;
  readonly within_seconds: number | null;
  /** Without an acknowledgement the next of `steps` is told after so many seconds; null: never. */
  readonly escalate_after_seconds: number | null;
  /** Endpoints by name. */
  readonly steps: readonly string[];
}

/** What a list without paging has: everything is sent at once. */
const atOnce: Paging = {
  time_zone: 'UTC',
  quiet: [],
  critical_pierces: false,
  at_most: null,
  within_seconds: null,
  escalate_after_seconds: null,
  steps: [],
};

/**
 * How the alerts of a list are sent.
 *
 * @param list name or id.
 * @throws {WatchpostError} watchlist_unknown, by SQLSTATE.
 */
export const readPaging = async (db: Kysely<DB>, list: string): Promise<Paging> => {
  const id = await findWatchlist(db, list);
  const { rows } = await sql<{ paging: Paging | null }>`select watchpost.paging_of(${id}) as paging`.execute(
    db,
  );
  return rows[0]?.paging ?? atOnce;
};

/**
 * Sets how the alerts of a list are sent, all of it. Call it in a transaction.
 *
 * @param paging.steps names or ids of endpoints.
 * @throws {WatchpostError} watchlist_unknown; by SQLSTATE endpoint_unknown, time_zone_unknown.
 */
export const setPaging = async (db: Kysely<DB>, list: string, paging: Paging): Promise<Paging> => {
  const id = await findWatchlist(db, list);
  const values = {
    time_zone: paging.time_zone,
    critical_pierces: paging.critical_pierces,
    at_most: paging.at_most,
    within: intervalOf(paging.within_seconds),
    escalate_after: intervalOf(paging.escalate_after_seconds),
    set_at: sql<Date>`now()`,
  };
  await db
    .insertInto('watchpost.paging')
    .values({ watchlist_id: id, ...values })
    .onConflict((conflict) => conflict.column('watchlist_id').doUpdateSet(values))
    .execute();
  await db.deleteFrom('watchpost.paging_quiet').where('watchlist_id', '=', id).execute();
  await db.deleteFrom('watchpost.paging_step').where('watchlist_id', '=', id).execute();
  for (const { days, begins, ends } of paging.quiet) {
    await sql`
      insert into watchpost.paging_quiet (watchlist_id, days, begins, ends)
      values (${id}, ${[...new Set(days)].sort()}::smallint[], ${begins}::time, ${ends}::time)
    `.execute(db);
  }
  for (const [index, endpoint] of paging.steps.entries()) {
    await sql`
      insert into watchpost.paging_step (watchlist_id, step, endpoint_id)
      values (${id}, ${index + 1}, watchpost.find_endpoint(${endpoint}))
    `.execute(db);
  }
  return readPaging(db, id);
};

/** Sends the alerts of a list at once again, what is held back too. */
export const removePaging = async (db: Kysely<DB>, list: string): Promise<void> => {
  const id = await findWatchlist(db, list);
  await db.deleteFrom('watchpost.paging').where('watchlist_id', '=', id).execute();
};

const intervalOf = (seconds: number | null) =>
  seconds === null ? null : sql<string>`make_interval(secs => ${seconds})`;
