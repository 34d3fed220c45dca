import { migrate } from '../database/migrate.ts';
import { connect } from './program/connect.ts';
import { print } from './program/io.ts';
import type { AddCommand } from './program/session.ts';

/** migrate: the schema of this version. */
export const migrateCommand: AddCommand = (program, session) =>
  program
    .command('migrate')
    .description('Bring the database up to date')
    .action(
      session.action(async (context) => {
        const { pool } = await connect(context, { writable: true });
        const applied = await migrate(pool, context.log);
        print(
          context.io,
          applied.length > 0 ? `applied: ${applied.join(', ')}` : 'the database is up to date',
        );
      }),
    );
