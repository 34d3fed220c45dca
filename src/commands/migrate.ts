import { connect } from './program/connect.ts';
import { print } from './program/io.ts';
import { readySchema } from './program/ready-schema.ts';
import type { AddCommand } from './program/session.ts';

/** migrate: the schema of this version. */
export const migrateCommand: AddCommand = (program, session) =>
  program
    .command('migrate')
    .description('Bring the database up to date')
    .action(
      session.action(async (context) => {
        const database = await connect(context, { writable: true });
        const said: string[] = [];
        const applied = await readySchema(database, context, (sentence) => said.push(sentence));
        print(
          context.io,
          applied.length > 0 ? `applied: ${applied.join(', ')}` : 'the database is up to date',
          { applied },
        );
        for (const sentence of said) print(context.io, sentence);
      }),
    );
