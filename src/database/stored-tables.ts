import type pg from 'pg';
import { copyIn } from './copy-in.ts';
import { copyBytes } from './copy-out.ts';

/** A table that holds rows: of a partitioned one, each partition. */
export interface StoredTable {
  /** As SQL names it: watchpost_history.event_2026_11_23. */
  readonly name: string;
  /** The columns that are stored and not computed, as a list of SQL. */
  readonly columns: string;
  readonly rows: number;
  readonly pages: number;
  /** With what is stored out of line, without indexes. */
  readonly bytes: number;
}

/** Both of Watchpost's schemas, and graphile-worker's. */
export const schemas = `('watchpost', 'watchpost_history', 'graphile_worker')`;

/** What a migration writes and nothing else. */
const ofMigrations = `('watchpost.migration', 'watchpost.schema_object', 'graphile_worker.migrations')`;

/** The tables with rows of an installation, detached partitions too, in the order of their names. */
export const listTables = async (client: pg.ClientBase): Promise<StoredTable[]> => {
  const { rows } = await client.query<StoredTable>(`
    select
      t.name,
      (
        select string_agg(quote_ident(a.attname), ', ' order by a.attnum)
        from pg_attribute as a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
      ) as columns,
      0 as rows,
      (pg_relation_size(c.oid) / current_setting('block_size')::integer)::float8 as pages,
      pg_table_size(c.oid)::float8 as bytes
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    cross join lateral (select format('%I.%I', n.nspname, c.relname) as name) as t
    where c.relkind = 'r' and n.nspname in ${schemas} and t.name not in ${ofMigrations}
    order by t.name
  `);
  return rows;
};

/** Counts the rows of each. */
export const countRows = async (
  client: pg.ClientBase,
  tables: readonly StoredTable[],
): Promise<StoredTable[]> => {
  const counted: StoredTable[] = [];
  for (const table of tables) {
    const { rows } = await client.query<{ n: number }>(
      `select count(*)::float8 as n from only ${table.name}`,
    );
    counted.push({ ...table, rows: rows[0]?.n ?? 0 });
  }
  return counted;
};

/** Bytes that are read at a time: the embedded database has to hold its whole answer in memory. */
const chunkBytes = 4 * 1024 * 1024;

/** Row pointers at most that a page of 8 KiB can have (MaxHeapTuplesPerPage). */
const mostInPage = 291;

/**
 * Copies the rows of a table into the table of the same name in another database, by their places on disk, which needs no
 * key and no sorting.
 *
 * @param copied is called with the share of the table that has been copied, 0 to 1.
 */
export const copyTable = async (
  from: pg.ClientBase,
  to: pg.ClientBase,
  table: StoredTable,
  copied: (share: number) => void,
): Promise<void> => {
  if (table.rows === 0) return;
  const { name, columns, pages } = table;
  for (const [first, until] of placesOf(table)) {
    const select = `select ${columns} from only ${name} where ctid >= '(${first})' and ctid < '(${until})'`;
    await copyIn(to, `${name} (${columns})`, await copyBytes(from, select));
    copied(Number.parseInt(until, 10) / pages);
  }
};

/** Ranges of places, each of about `chunkBytes`: some pages or, of large rows, a part of a page. */
function* placesOf({ rows, pages, bytes }: StoredTable): Generator<[string, string]> {
  const rowsAtATime = Math.max(1, Math.floor((chunkBytes * rows) / bytes));
  const pagesAtATime = Math.floor((rowsAtATime * pages) / rows);
  if (pagesAtATime >= 1) {
    for (let page = 0; page < pages; page += pagesAtATime)
      yield [`${page},0`, `${Math.min(page + pagesAtATime, pages)},0`];
    return;
  }
  for (let page = 0; page < pages; page++) {
    for (let row = 0; row <= mostInPage; row += rowsAtATime) {
      const next = row + rowsAtATime;
      yield [`${page},${row}`, next > mostInPage ? `${page + 1},0` : `${page},${next}`];
    }
  }
}
