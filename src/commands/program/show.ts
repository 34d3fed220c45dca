import type { Kysely } from 'kysely';
import type { DB } from '../../database/types.generated.ts';
import { connect } from './connect.ts';
import { printJson } from './io.ts';
import { searched } from './options.ts';
import type { AddCommand } from './session.ts';
import { printFields } from './table.ts';

/**
 * `show NAME`: everything that is set of one thing, a line for each field; a list has room for some of them only.
 *
 * @param read finds it by its name or id. @param shown its fields as people read them, where they differ.
 */
export const showing =
  <Row extends object>(
    description: string,
    read: (db: Kysely<DB>, nameOrId: string) => Promise<Row>,
    shown: (row: Row, db: Kysely<DB>) => object | Promise<object> = (row) => row,
  ): AddCommand =>
  (parent, session) =>
    parent
      .command('show')
      .description(description)
      .argument('<name>', 'name or id', searched)
      .option('--json', 'print JSON')
      .action(
        session.action(async (context, name: string, { json }: { json?: boolean }) => {
          const { db } = await connect(context);
          const row = await read(db, name);
          if (json) printJson(context.io, row);
          else printFields(context.io, await shown(row, db));
        }),
      );
