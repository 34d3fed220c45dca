import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { type AlertFilter, selectAlerts } from './alerts.ts';

/** Alerts read at a time. */
const pageSize = 500;

/**
 * Reads new alerts, each once and none left out.
 *
 * Ids tell when an alert was written, not when it was committed: one that was written first may appear last, and a
 * reader that only asks for greater ids would never see it. So a position here is a snapshot of the database, in the
 * form `xmin:xmax:running`, which tells of every transaction whether it had been committed by then: what is new is what
 * the position does not show and a snapshot of now does.
 */
export class NewAlerts {
  readonly #db: Kysely<DB>;
  readonly #wanted: AlertFilter;
  #position: string;
  /** Where the pages of one look have come to. */
  #look: { readonly upTo: string; readonly after: { xid: string; id: string } | undefined } | undefined;

  private constructor(db: Kysely<DB>, wanted: AlertFilter, position: string) {
    this.#db = db;
    this.#wanted = wanted;
    this.#position = position;
  }

  /** Alerts that appear from now on. */
  static async fromNow(db: Kysely<DB>, wanted: AlertFilter): Promise<NewAlerts> {
    return new NewAlerts(db, wanted, await readSnapshot(db));
  }

  /** Alerts that appeared after a position was told. */
  static after(db: Kysely<DB>, wanted: AlertFilter, position: string): NewAlerts {
    return new NewAlerts(db, wanted, position);
  }

  /** Where a later reader goes on, if everything that was given out has arrived. */
  get position(): string {
    return this.#position;
  }

  /**
   * The alerts that have appeared, each with the position to go on from once it has arrived; at most 500, so ask until
   * there are none. Of alerts found together only the last moves the position: a reader that breaks off among them is
   * given the others again.
   */
  async next() {
    const { upTo, after } = this.#look ?? { upTo: await readSnapshot(this.#db), after: undefined };
    const before = this.#position;
    const rows = await selectAlerts(this.#db, this.#wanted)
      .select(sql<string>`a.xid::text`.as('xid'))
      .where(sql<boolean>`a.xid >= pg_snapshot_xmin(${before}::text::pg_snapshot)`)
      .where(sql<boolean>`not pg_visible_in_snapshot(a.xid, ${before}::text::pg_snapshot)`)
      .where(sql<boolean>`pg_visible_in_snapshot(a.xid, ${upTo}::text::pg_snapshot)`)
      .$if(after !== undefined, (q) =>
        q.where(sql<boolean>`(a.xid, a.id) > (${after?.xid}::text::xid8, ${after?.id}::uuid)`),
      )
      .orderBy(sql`a.xid`)
      .orderBy('a.id')
      .limit(pageSize)
      .execute();
    const last = rows.at(-1);
    const more = rows.length === pageSize && last !== undefined;
    this.#look = more ? { upTo, after: { xid: last.xid, id: last.id as string } } : undefined;
    if (!more) this.#position = upTo;
    return rows.map(({ xid: _, ...alert }, index) => ({
      alert,
      position: index === rows.length - 1 ? this.#position : before,
    }));
  }
}

const readSnapshot = async (db: Kysely<DB>): Promise<string> => {
  const { rows } = await sql<{ snapshot: string }>`select pg_current_snapshot()::text as snapshot`.execute(
    db,
  );
  return (rows[0] as { snapshot: string }).snapshot;
};
