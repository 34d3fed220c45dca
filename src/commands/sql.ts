import type { Database } from '../database/pool.ts';

/** `watchpost sql`: runs one statement and prints its rows, for those who have no psql. */
export const runSql = async (database: Database, statement: string, json: boolean): Promise<void> => {
  const { rows, rowCount } = await database.pool.query(statement);
  if (json) process.stdout.write(`${JSON.stringify(rows)}\n`);
  else if (rows.length > 0) process.stdout.write(`${table(rows)}\n`);
  else process.stdout.write(`${rowCount ?? 0} rows\n`);
};

const shown = (value: unknown): string => {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString();
  if (Buffer.isBuffer(value)) return `${value.length} bytes`;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
};

/**
 * Rows as a table for a terminal: numbers to the right, everything else to the left.
 *
 * @param rows all with the same keys, which become the header.
 */
export const table = (rows: readonly Record<string, unknown>[]): string => {
  const columns = Object.keys(rows[0] ?? {}).map((name) => {
    const cells = rows.map((row) => shown(row[name]));
    const right = rows.every((row) => row[name] === null || typeof row[name] === 'number');
    return { name, cells, right, width: Math.max(name.length, ...cells.map((cell) => cell.length)) };
  });
  const line = (cells: string[]) =>
    columns
      .map(({ width, right }, i) => (right ? cells[i]?.padStart(width) : cells[i]?.padEnd(width)))
      .join('  ')
      .trimEnd();
  return [
    line(columns.map(({ name }) => name)),
    columns.map(({ width }) => '─'.repeat(width)).join('  '),
    ...rows.map((_, i) => line(columns.map(({ cells }) => cells[i] ?? ''))),
  ].join('\n');
};
