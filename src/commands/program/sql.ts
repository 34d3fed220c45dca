import type { Command } from 'commander';
import { connect } from '../connect.ts';
import { runSql } from '../sql.ts';
import { once, stopper } from './context.ts';

/** sql: one statement, for machines without psql. */
export const addSql = (program: Command): void => {
  program
    .command('sql')
    .description('Run one SQL statement and print its rows')
    .argument('<statement>')
    .option('--json', 'print JSON')
    .action(
      once(async ({ config, log }, statement: string, options: { json?: boolean }) => {
        await runSql(await connect(config, log, stopper), statement, options.json ?? false);
        return true;
      }),
    );
};
