import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';

/** Something that keeps VACUUM from removing dead rows of this database: a row of watchpost.vacuum_holder. */
export interface VacuumHolder {
  /** Which session, prepared transaction or replication slot. */
  readonly subject: string;
  /** Null: not known, or not shown to this user. */
  readonly since: Date | null;
  /** How many transactions ago its snapshot was taken. */
  readonly transactions: number;
  /** What it is and whose, since when, and in what state. */
  readonly found: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** Minutes after which a transaction is named. */
const patienceMinutes = 2;

/** Transactions after which something is named whose time is not known; ten minutes at a photo a second. */
const patienceTransactions = 10_000;

/** What has held VACUUM back for minutes, the longest first, 20 at most. */
export const findVacuumHolders = async (
  db: Kysely<DB>,
  patience: { minutes?: number; transactions?: number } = {},
): Promise<VacuumHolder[]> => {
  const { minutes = patienceMinutes, transactions = patienceTransactions } = patience;
  const { rows } = await sql<VacuumHolder>`
    select h.subject, h.since, h.transactions, h.found, h.remedy
    from watchpost.vacuum_holder as h
    where h.since < clock_timestamp() - make_interval(secs => ${minutes}::float8 * 60)
      or (h.since is null and h.transactions >= ${transactions}::integer)
    order by h.transactions desc
    limit 20
  `.execute(db);
  return rows;
};
