import type { Database } from './pool.ts';

/** Tables whose removed rows were about people, beside those whose rows an erasure notes. */
const others = ['outbox', 'claim', 'access', 'idempotency', 'erasure', 'erasure_leaf', 'erasure_face'].map(
  (name) => `watchpost.${name}`,
);

/** Indexes that hold a text about somebody. */
const textIndexes = ['watchpost.person_external_ref', 'watchpost.image_idempotency_key'];

/**
 * Clears the space that removed rows have left: until it is used again it keeps their bytes, which whoever reads the files
 * of the database can find.
 *
 * @param options.full rewrites each table with its indexes, which nobody can use meanwhile and which takes as much free
 *   space as the table has; otherwise removed rows are only taken out of tables and indexes, and two small indexes rewritten.
 * @param options.shared others use the database: indexes are rewritten beside the old ones.
 * @param options.onTable called before each table.
 */
export const clearSpace = async (
  { pool }: Database,
  options: { full: boolean; shared: boolean; onTable?: (name: string) => void },
): Promise<void> => {
  const { rows } = await pool.query<{ name: string }>(`
    select t.tgrelid::regclass::text as name
    from pg_trigger as t
    join pg_proc as p on p.oid = t.tgfoid
    where p.proname = 'note_erased' and p.pronamespace = 'watchpost'::regnamespace and t.tgparentid = 0
    union all
    select c.oid::regclass::text
    from pg_class as c
    where c.relnamespace = 'graphile_worker'::regnamespace and c.relkind = 'r'
    order by 1
  `);
  for (const name of [...rows.map((row) => row.name), ...others]) {
    options.onTable?.(name);
    await pool.query(`vacuum ${options.full ? '(full) ' : ''}${name}`);
  }
  if (options.full) return;
  for (const name of textIndexes)
    await pool.query(`reindex index ${options.shared ? 'concurrently ' : ''}${name}`);
};
