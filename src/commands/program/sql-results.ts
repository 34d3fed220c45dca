import pg from 'pg';
import { type Io, print, printJson } from './io.ts';
import { tableOf, widthOf } from './table.ts';

/** What one statement returned, each row an array in the order of `fields`. */
type Result = pg.QueryArrayResult;

const { INT2, INT4, INT8, OID, FLOAT4, FLOAT8, NUMERIC } = pg.types.builtins;
const numbers: readonly number[] = [INT2, INT4, INT8, OID, FLOAT4, FLOAT8, NUMERIC];

const hasRows = ({ fields }: Result): boolean => fields.length > 0;

/** Prints a table for each statement that returned rows, and for the others how many rows they changed. */
export const printTables = (io: Io, results: readonly Result[]): void => {
  const blocks = results.map((result) => blockOf(io, result)).filter(Boolean);
  print(io, blocks.length > 0 ? blocks.join('\n\n') : 'done');
};

const blockOf = (io: Io, { fields, rows, rowCount }: Result): string => {
  if (rows.length === 0 || fields.length === 0)
    return rowCount === null ? '' : `${rowCount} ${rowCount === 1 ? 'row' : 'rows'}`;
  return tableOf(
    fields.map(({ name, dataTypeID }, i) => ({
      name,
      values: rows.map((row) => row[i]),
      isNumber: numbers.includes(dataTypeID),
    })),
    widthOf(io),
  );
};

/** Prints the rows of each statement that returns some as one line: an array of objects, with bytes in hex. */
export const printJsonRows = (io: Io, results: readonly Result[]): void => {
  const returned = results.filter(hasRows);
  if (returned.length === 0) printJson(io, []);
  for (const { fields, rows } of returned) {
    const objects = rows.map((row) => Object.fromEntries(fields.map(({ name }, i) => [name, plain(row[i])])));
    printJson(io, objects);
  }
};

const plain = (value: unknown): unknown => (Buffer.isBuffer(value) ? `\\x${value.toString('hex')}` : value);

/** Prints CSV (RFC 4180) with a header; an empty line is between the rows of two statements. NULL is an empty field. */
export const printCsv = (io: Io, results: readonly Result[]): void => {
  const texts = results
    .filter(hasRows)
    .map(({ fields, rows }) =>
      [fields.map(({ name }) => name), ...rows].map((row) => row.map(csvField).join(',')).join('\n'),
    );
  if (texts.length > 0) print(io, texts.join('\n\n'));
};

const csvField = (value: unknown): string => {
  if (value === null || value === undefined) return '';
  const text =
    value instanceof Date
      ? value.toISOString()
      : typeof value === 'object'
        ? JSON.stringify(plain(value)).replace(/^"(.*)"$/, '$1')
        : String(value);
  return /[",\r\n]/.test(text) || text === '' ? `"${text.replaceAll('"', '""')}"` : text;
};
