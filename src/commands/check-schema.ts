import type pg from 'pg';
import { inspectSchema, isLost } from '../database/migrate.ts';

/** Names at most that are listed. */
const most = 5;

/** Whether all of the schema is there, and of this version; what to do depends on what is missing. */
export const checkSchema = async (
  pool: pg.Pool,
): Promise<{ well: boolean; found: string; remedy?: string }> => {
  const { absent, due, missing } = await inspectSchema(pool);
  const migrate = 'Run "npm run watchpost -- migrate"';
  if (absent) return { well: false, found: 'not there', remedy: `${migrate}.` };
  const lost = missing.filter(isLost);
  if (lost.length > 0) {
    const remedy =
      'They have rows that only a dump has: restore the whole dump into an empty database (docs/backup.md).';
    return { well: false, found: `tables are missing: ${listOf(lost.map(({ name }) => name))}`, remedy };
  }
  if (missing.length > 0) {
    const names = missing.map(({ kind, name }) => `${kind} ${name}`);
    return { well: false, found: `missing: ${listOf(names)}`, remedy: `${migrate}: it makes them again.` };
  }
  if (due.length > 0) {
    const names = due.map(({ name }) => name);
    return { well: false, found: `not of this version: ${listOf(names)}`, remedy: `${migrate}.` };
  }
  return { well: true, found: 'there' };
};

const listOf = (names: readonly string[]): string =>
  [...names.slice(0, most), ...(names.length > most ? [`${names.length - most} more`] : [])].join(', ');
