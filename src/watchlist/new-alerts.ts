import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { type AlertFilter, selectAlerts } from './alerts.ts';

/** Alerts read at a time. */
const pageSize = 500;

/**
 * Reads new alerts, each once, and misses none.
 *
 * Ids follow the order of writing, not of committing: an alert written first may be committed last, and a reader that
 * asks for greater ids would miss it. So a position is a database snapshot in the form `xmin:xmax:running`, which
 * says for every transaction whether it was committed. New alerts are those that a snapshot of now shows and the
 * position does not.
 */
export class NewAlerts {
  readonly #db: Kysely<DB>;
  readonly #wanted: AlertFilter;
  #position: string;
  /** The snapshot being read and the last alert of the previous page; undefined if no page is pending. */
  #pending: { readonly upTo: string; readonly after: { xid: string; id: string } | undefined } | undefined;

  private constructor(db: Kysely<DB>, wanted: AlertFilter, position: string) {
    this.#db = db;
    this.#wanted = wanted;
    this.#position = position;
  }

  /** Reads the alerts that appear from now on. */
  static async fromNow(db: Kysely<DB>, wanted: AlertFilter): Promise<NewAlerts> {
    return new NewAlerts(db, wanted, await readSnapshot(db));
  }

  /** Reads the alerts that appeared after a position. */
  static after(db: Kysely<DB>, wanted: AlertFilter, position: string): NewAlerts {
    return new NewAlerts(db, wanted, position);
  }

  /** Where a later reader continues after all alerts returned so far. */
  get position(): string {
    return this.#position;
  }

  /**
   * The next new alerts, each with the position to continue from after it; at most 500, so call until there are none.
   * Of alerts read together only the last one moves the position: a reader that stops earlier gets the others again.
   */
  async next() {
    const { upTo, after } = this.#pending ?? { upTo: await readSnapshot(this.#db), after: undefined };
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
    this.#pending = more ? { upTo, after: { xid: last.xid, id: last.id as string } } : undefined;
    if (!more) this.#position = upTo;
    return rows.map(({ xid: _, ...alert }, index) => ({
      alert,
      position: index === rows.length - 1 ? this.#position : before,
    }));
  }
}

const readSnapshot = async (db: Kysely<DB>): Promise<string> => {
  const { rows } = await sql<{
    snapshot: string;
  }>`select watchpost.record_snapshot()::text as snapshot`.execute(db);
  return (rows[0] as { snapshot: string }).snapshot;
};
