import { type Change, changeNamed, findNamed, type Named } from '../../database/named.ts';
import { connect } from './connect.ts';
import { forEach } from './each.ts';
import { print } from './io.ts';
import { severalSearched } from './options.ts';
import type { AddCommand } from './session.ts';

/** The command that enables, disables or removes several of what has a name. */
export const changing =
  (what: Named, change: Change, description: string): AddCommand =>
  (parent, session) =>
    parent
      .command(change)
      .description(description)
      .argument('<name...>', 'names or ids', severalSearched)
      .action(
        session.action(async (context, names: string[]) => {
          const { db } = await connect(context);
          return forEach(context.io, names, async (name) => {
            await changeNamed(db, what, await findNamed(db, what, name), change);
            print(context.io, `${name} is ${change}d`, { name, done: change });
          });
        }),
      );
