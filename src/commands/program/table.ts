import { type Io, print, printJson } from './io.ts';

const cellOf = (value: unknown): string => {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString();
  if (Buffer.isBuffer(value)) return `${value.length} bytes`;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
};

/**
 * Rows as a table for a terminal: columns of numbers are aligned to the right, others to the left.
 *
 * @param rows all with the same keys, which become the header.
 */
export const table = (rows: readonly Record<string, unknown>[]): string => {
  const columns = Object.keys(rows[0] ?? {}).map((name) => {
    const cells = rows.map((row) => cellOf(row[name]));
    const right = rows.every((row) => row[name] === null || typeof row[name] === 'number');
    const width = cells.reduce((most, cell) => Math.max(most, cell.length), name.length);
    return { name, cells, right, width };
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

/**
 * Prints rows as a table, or as JSON with all of their columns.
 *
 * @param options.columns what the table shows of a row; everything by default.
 * @param options.none the line in place of an empty table; undefined: nothing is printed.
 */
export const printRows = <Row extends object>(
  io: Io,
  rows: readonly Row[],
  options: {
    json?: boolean | undefined;
    columns?: (row: Row) => Record<string, unknown>;
    none?: string;
  },
): void => {
  const { json, columns = (row) => ({ ...row }) as Record<string, unknown>, none } = options;
  if (json) printJson(io, rows);
  else if (rows.length > 0) print(io, table(rows.map(columns)));
  else if (none !== undefined) print(io, none);
};
