import { markdownTable } from 'markdown-table';
import widthOfText from 'string-width';
import { type Io, print, printJson } from './io.ts';

/** A column of a table. */
interface Column {
  readonly name: string;
  readonly values: readonly unknown[];
  /** Whether these are numbers, which are aligned to the right and rounded; some come as text, like bigint. */
  readonly isNumber: boolean;
}

/** A cell without line breaks and control characters, which could move the cursor of a terminal. */
const cellOf = (value: unknown, isNumber: boolean): string => {
  if (value === null || value === undefined) return '';
  if (isNumber) return figure(value);
  return oneLine(textOf(value));
};

/** A text from elsewhere on one line, without characters that move the cursor of a terminal or colour it. */
export const oneLine = (text: string): string => text.replace(/\p{Cc}+/gu, ' ');

const textOf = (value: unknown): string => {
  if (value instanceof Date) return value.toISOString();
  if (Buffer.isBuffer(value)) return `${value.length} bytes`;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
};

/** A number with four digits, or one decimal if it is larger than that; text that is no longer than this stays. */
const figure = (value: unknown): string => {
  const number = Number(value);
  const text = String(value);
  if (!Number.isFinite(number) || !/\.\d{5,}|e-|\d{4}\.\d{2,}/.test(text)) return text;
  return Math.abs(number) >= 1000 ? number.toFixed(1) : String(Number(number.toPrecision(4)));
};

/** Columns are never made narrower than this; ids, which people copy, are never cut. */
const narrowest = 8;
const isId = (cell: string): boolean => /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(cell);
const gap = 2;

/**
 * Rows as a table. In a terminal it is cut to its width: long cells end in …, and if even narrow columns do not fit beside
 * each other, each row is written as lines of a name and a value.
 *
 * @param rows all with the same keys, which become the header.
 * @param width of the terminal, in characters; undefined: nothing is cut.
 */
export const table = (rows: readonly Record<string, unknown>[], width?: number): string =>
  tableOf(
    Object.keys(rows[0] ?? {}).map((name) => {
      const values = rows.map((row) => row[name]);
      return { name, values, isNumber: values.every((value) => value === null || typeof value === 'number') };
    }),
    width,
  );

/** The same, of columns of the same length. */
export const tableOf = (columns: readonly Column[], width = Number.POSITIVE_INFINITY): string => {
  const written = columns.map(({ name, values, isNumber }) => {
    const cells = values.map((value) => cellOf(value, isNumber));
    const widest = cells.reduce(
      (most, cell) => Math.max(most, widthOfText(cell)),
      Math.max(name.length, isNumber ? 2 : 1),
    );
    return { name, cells, isNumber, widest, least: cells.some(isId) ? widest : Math.min(widest, narrowest) };
  });
  const rows = (written[0]?.cells ?? []).map((_, i) => written.map(({ cells }) => cells[i] ?? ''));
  const most = widestFor(written, width);
  if (most === undefined) return records(written, rows);
  return drawn(
    written.map(({ name, isNumber, widest, least }) => ({
      name,
      isNumber,
      most: Math.max(least, Math.min(widest, most)),
    })),
    rows,
  );
};

/** Stands for a `|` within a cell: those that are left are the borders of the Markdown table. */
const bar = '\u{e000}';

/** Drawn as a Markdown table, whose borders are replaced. Chinese characters and emoji count as wide as they are shown. */
const drawn = (
  columns: readonly { name: string; isNumber: boolean; most: number }[],
  rows: readonly string[][],
): string =>
  markdownTable(
    [
      columns.map(({ name }) => name),
      ...rows.map((row) => row.map((cell, i) => cut(cell, columns[i]!.most))),
    ].map((row) => row.map((cell) => cell.replaceAll('|', bar))),
    {
      align: columns.map(({ isNumber }) => (isNumber ? 'r' : '')),
      delimiterStart: false,
      delimiterEnd: false,
      padding: false,
      stringLength: widthOfText,
    },
  )
    .split('\n')
    .map((line, i) => (i === 1 ? line.replace(/[-:]/g, '─') : line))
    .map((line) => line.replaceAll('|', ' '.repeat(gap)).replaceAll(bar, '|').trimEnd())
    .join('\n');

const graphemes = new Intl.Segmenter('en');

/** A cell that is no wider than this; one that was cut ends in …. */
const cut = (cell: string, most: number): string => {
  if (cell.length <= most / 2 || widthOfText(cell) <= most) return cell;
  let shown = '';
  for (const { segment } of graphemes.segment(cell)) {
    if (widthOfText(shown + segment) >= most) break;
    shown += segment;
  }
  return `${shown}…`;
};

/** The most characters that a column may have, so that all of them fit; undefined if they cannot. */
const widestFor = (
  columns: readonly { widest: number; least: number }[],
  width: number,
): number | undefined => {
  const total = (most: number) =>
    columns.reduce((sum, { widest, least }) => sum + gap + Math.max(least, Math.min(widest, most)), -gap);
  const start = columns.reduce((most, { widest }) => Math.max(most, widest), narrowest);
  if (width === Number.POSITIVE_INFINITY || total(start) <= width) return start;
  for (let most = Math.min(start, width); most >= narrowest; most--) if (total(most) <= width) return most;
  return undefined;
};

const records = (columns: readonly { name: string }[], rows: readonly string[][]): string => {
  const names = columns.reduce((most, { name }) => Math.max(most, name.length), 0);
  return rows
    .map((cells) => columns.map(({ name }, i) => `${name.padEnd(names)}  ${cells[i]}`.trimEnd()).join('\n'))
    .join('\n\n');
};

/** The width that a table may have; undefined where it is not for a terminal. */
export const widthOf = ({ stdout }: Io): number | undefined => (stdout.isTTY ? stdout.columns : undefined);

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
  else if (rows.length > 0) print(io, table(rows.map(columns), widthOf(io)));
  else if (none !== undefined) print(io, none);
};

/** Prints the fields of one row, a line each. */
export const printFields = (io: Io, row: object): void => {
  const fields = Object.entries(row).map(([name, value]) => ({ name, value }));
  print(io, records(fields, [fields.map(({ value }) => cellOf(value, typeof value === 'number'))]));
};
