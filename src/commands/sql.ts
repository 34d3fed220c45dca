import { connect } from './program/connect.ts';
import type { AddCommand } from './program/session.ts';
import { printRows } from './program/table.ts';

/** sql: one statement, for machines without psql. */
export const sqlCommand: AddCommand = (program, session) =>
  program
    .command('sql')
    .description('Run one SQL statement and print its rows')
    .argument('<statement>')
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, statement: string, options: { json?: boolean }) => {
        const { pool } = await connect(context);
        const { rows, rowCount } = await pool.query(statement);
        printRows(context.io, rows, { ...options, none: `${rowCount ?? 0} rows` });
      }),
    );
