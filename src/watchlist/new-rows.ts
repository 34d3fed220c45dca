import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';

/** What a row of a table that is followed has: its id, and the transaction of the record that wrote it. */
interface Followed {
  readonly id: string;
  readonly xid: string;
}

/** The rows that one snapshot shows and an earlier one does not, but those up to a row of them. */
interface Window {
  readonly before: string;
  readonly upTo: string;
  readonly after: Followed | undefined;
}

/** Reads the first rows of a window in the order (xid, id): `most` of them, or all that there are. */
type ReadWindow<Row extends Followed> = (db: Kysely<DB>, window: Window, most: number) => Promise<Row[]>;

/** The condition that a row of the table `alias`, which has xid and id, is in a window. */
export const isIn = (alias: string, { before, upTo, after }: Window) => {
  const [xid, id] = [sql.ref(`${alias}.xid`), sql.ref(`${alias}.id`)];
  const isLater = after ? sql`and (${xid}, ${id}) > (${after.xid}::text::xid8, ${after.id}::uuid)` : sql``;
  return sql<boolean>`(
    ${xid} >= pg_snapshot_xmin(${before}::text::pg_snapshot)
    and not pg_visible_in_snapshot(${xid}, ${before}::text::pg_snapshot)
    and pg_visible_in_snapshot(${xid}, ${upTo}::text::pg_snapshot) ${isLater}
  )`;
};

/**
 * Reads new rows of a table, each once, and misses none.
 *
 * Ids follow the order of writing, not of committing: a row written first may be committed last, and a reader that
 * asks for greater ids would miss it. So a position is a database snapshot in the form `xmin:xmax:running`, which
 * says for every transaction whether it was committed. New rows are those that a snapshot of now shows and the
 * position does not. Between two snapshots a position is `before/now/xid/id`: all up to this row were read.
 */
export class NewRows<Row extends Followed> {
  readonly #db: Kysely<DB>;
  readonly #read: ReadWindow<Row>;
  readonly #pageSize: number;
  #before: string;
  /** What is being read; undefined: nothing is known to be new. */
  #window: Window | undefined;

  private constructor(db: Kysely<DB>, read: ReadWindow<Row>, pageSize: number, position: string) {
    this.#db = db;
    this.#read = read;
    this.#pageSize = pageSize;
    const [before = '', upTo, xid, id] = position.split('/');
    this.#before = before;
    if (upTo !== undefined && xid !== undefined && id !== undefined)
      this.#window = { before, upTo, after: { xid, id } };
  }

  /**
   * @param db where rows are read, as whoever follows them may see them.
   * @param position of an earlier reader, which isPosition has accepted; undefined: the rows that appear from now on.
   * @param pageSize rows read at a time.
   */
  static async after<Row extends Followed>(
    db: Kysely<DB>,
    read: ReadWindow<Row>,
    position: string | undefined,
    pageSize = 500,
  ): Promise<NewRows<Row>> {
    return new NewRows(db, read, pageSize, position ?? (await readSnapshot(db)));
  }

  /** Where a later reader continues after all rows returned so far. */
  get position(): string {
    return this.#window?.after ? positionOf(this.#window, this.#window.after) : this.#before;
  }

  /** The next new rows, each with the position after it; at most a page, so call until there are none. */
  async next(): Promise<{ row: Row; position: string }[]> {
    const window = this.#window ?? {
      before: this.#before,
      upTo: await readSnapshot(this.#db),
      after: undefined,
    };
    const rows = await this.#read(this.#db, window, this.#pageSize);
    const last = rows.at(-1);
    if (last && rows.length === this.#pageSize) this.#window = { ...window, after: last };
    else {
      this.#window = undefined;
      this.#before = window.upTo;
    }
    return rows.map((row) => ({ row, position: row === last ? this.position : positionOf(window, row) }));
  }
}

const positionOf = ({ before, upTo }: Window, { xid, id }: Followed): string =>
  `${before}/${upTo}/${xid}/${id}`;

/** The position before all rows. */
export const beginning = '1:1:';

const readSnapshot = async (db: Kysely<DB>): Promise<string> => {
  const { rows } = await sql<{
    snapshot: string;
  }>`select watchpost.record_snapshot()::text as snapshot`.execute(db);
  return (rows[0] as { snapshot: string }).snapshot;
};

/** Whether a text is a position of NewRows. */
export const isPosition = async (db: Kysely<DB>, text: string): Promise<boolean> => {
  const parts = /^([\d:,]{1,4000})(?:\/([\d:,]{1,4000})\/(\d{1,19})\/([0-9a-f-]{36}))?$/.exec(text);
  if (!parts) return false;
  const [, before, upTo = before, xid = '1', id = '00000000-0000-0000-0000-000000000000'] = parts;
  const { rows } = await sql<{ good: boolean }>`
    select pg_input_is_valid(${before}, 'pg_snapshot') and pg_input_is_valid(${upTo}, 'pg_snapshot')
      and pg_input_is_valid(${xid}, 'xid8') and pg_input_is_valid(${id}, 'uuid') as good
  `.execute(db);
  return rows[0]?.good ?? false;
};
