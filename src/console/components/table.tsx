import { ArrowDown, ArrowUp } from 'lucide';
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Icon } from './icon.tsx';

/** A column of a table of rows. */
export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** What rows are sorted by when the title is clicked; without it the column does not sort. */
  readonly by?: (row: Row) => string | number | null | undefined;
  /** Numbers are aligned to the right. */
  readonly isNumber?: boolean;
  /** Left out on a narrow screen. */
  readonly isMinor?: boolean;
}

/**
 * Rows in columns; on a narrow screen each row is a card with the titles beside its values.
 *
 * @param label what the rows are, for screen readers.
 * @param empty shown in place of no rows.
 * @param onMore reads the next page, where there is one: then there is a button for it.
 */
export const Table = <Row,>({
  label,
  rows,
  columns,
  keyOf,
  empty,
  onMore,
}: {
  label: string;
  rows: readonly Row[];
  columns: readonly Column<Row>[];
  keyOf: (row: Row) => string;
  empty?: ComponentChildren;
  onMore?: (() => void) | undefined;
}) => {
  const [order, setOrder] = useState<{ title: string; down: boolean }>();
  if (rows.length === 0 && empty) return <>{empty}</>;
  const by = columns.find(({ title }) => title === order?.title)?.by;
  const sorted = by ? rows.toSorted((a, b) => compare(by(a), by(b)) * (order?.down ? -1 : 1)) : rows;
  const turn = (title: string) =>
    setOrder((before) => (before?.title === title ? { title, down: !before.down } : { title, down: false }));
  return (
    <>
      <table class="table" aria-label={label}>
        <thead>
          <tr>
            {columns.map(({ title, by: sorts, isNumber, isMinor }) => (
              <th
                key={title}
                scope="col"
                data-number={isNumber || undefined}
                data-minor={isMinor || undefined}
                aria-sort={order?.title === title ? (order.down ? 'descending' : 'ascending') : undefined}
              >
                {sorts ? (
                  <button type="button" class="sort" onClick={() => turn(title)}>
                    {title}
                    {order?.title === title && <Icon of={order.down ? ArrowDown : ArrowUp} size={14} />}
                  </button>
                ) : (
                  title
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map(({ title, cell, isNumber, isMinor }) => (
                <td
                  key={title}
                  data-title={title}
                  data-number={isNumber || undefined}
                  data-minor={isMinor || undefined}
                >
                  <div>{cell(row)}</div>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {onMore && (
        <button type="button" class="button more" onClick={onMore}>
          Load more
        </button>
      )}
    </>
  );
};

const compare = (a: string | number | null | undefined, b: string | number | null | undefined): number => {
  if (a === b) return 0;
  if (a === null || a === undefined) return 1;
  if (b === null || b === undefined) return -1;
  return typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b));
};
