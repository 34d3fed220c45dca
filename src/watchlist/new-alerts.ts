import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { type AlertFilter, selectAlerts } from './alerts.ts';

/** Alerts read at a time. */
const pageSize = 500;

/**
 * Reads new alerts, each once and none left out.
 *
 * Ids tell when an alert was written, not when it was committed: one that was written first may appear last, and a
 * reader that only asks for greater ids would never see it. So a position here is a transaction id, below which every
 * transaction had ended and every alert has been given out; what was given out above it is remembered by id. A reader
 * that goes on from a position of another one may be given an alert a second time, if a transaction was open for long,
 * and misses none.
 */
export class NewAlerts {
  readonly #db: Kysely<DB>;
  readonly #wanted: AlertFilter;
  #position: bigint;
  readonly #given: Map<string, bigint>;

  private constructor(db: Kysely<DB>, wanted: AlertFilter, position: bigint, given: Map<string, bigint>) {
    this.#db = db;
    this.#wanted = wanted;
    this.#position = position;
    this.#given = given;
  }

  /** Alerts that appear from now on. */
  static async fromNow(db: Kysely<DB>, wanted: AlertFilter): Promise<NewAlerts> {
    const horizon = await readHorizon(db);
    const there = await db
      .selectFrom('watchpost.alert')
      .select(['id', sql<string>`xid::text`.as('xid')])
      .where(sql<boolean>`xid >= ${String(horizon)}::text::xid8`)
      .execute();
    return new NewAlerts(db, wanted, horizon, new Map(there.map(({ id, xid }) => [id, BigInt(xid)])));
  }

  /** Alerts that appeared after a position was told. */
  static async after(db: Kysely<DB>, wanted: AlertFilter, position: bigint): Promise<NewAlerts> {
    const horizon = await readHorizon(db);
    return new NewAlerts(db, wanted, position < horizon ? position : horizon, new Map());
  }

  /** Where a later reader goes on, if everything that was given out has arrived. */
  get position(): string {
    return String(this.#position);
  }

  /** The alerts that have appeared, each with the position after it; at most 500, so ask until there are none. */
  async next() {
    // Asked first: what had ended by then is seen by the statement after it.
    const horizon = await readHorizon(this.#db);
    const rows = await selectAlerts(this.#db, this.#wanted)
      .select(sql<string>`a.xid::text`.as('xid'))
      .where(sql<boolean>`a.xid >= ${this.position}::text::xid8`)
      .where(sql<boolean>`a.id <> all (${[...this.#given.keys()]}::uuid[])`)
      .orderBy(sql`a.xid`)
      .orderBy('a.id')
      .limit(pageSize)
      .execute();
    const found = rows.map(({ xid, ...alert }, index) => {
      const next = BigInt(rows[index + 1]?.xid ?? (rows.length < pageSize ? horizon : xid));
      return { alert, xid: BigInt(xid), position: String(next < horizon ? next : horizon) };
    });
    for (const { alert, xid } of found) this.#given.set(alert.id as string, xid);
    this.#position = BigInt(found.at(-1)?.position ?? horizon);
    for (const [id, xid] of this.#given) if (xid < this.#position) this.#given.delete(id);
    return found;
  }
}

/** The least transaction id that has not ended, or the next one. */
const readHorizon = async (db: Kysely<DB>): Promise<bigint> => {
  const { rows } = await sql<{ horizon: string }>`
    select pg_snapshot_xmin(pg_current_snapshot())::text as horizon
  `.execute(db);
  return BigInt(rows[0]?.horizon ?? 0);
};
