import { Option } from 'commander';
import { accessActions, findAccesses } from '../watchlist/access.ts';
import { connect } from './program/connect.ts';
import { findOnePerson, personArgument } from './program/find-person.ts';
import { identifier, momentOption, positionOption, tokenOption } from './program/options.ts';
import type { AddCommand } from './program/session.ts';
import { printRows } from './program/table.ts';

/** access: who looked at photos and people, and who searched by photo. */
export const accessCommand: AddCommand = (program, session) =>
  accessList(
    program.command('access').description('Who looked at photos and people, and searched by photo'),
    session,
  );

interface ListOptions {
  readonly actor?: string;
  readonly action?: (typeof accessActions)[number];
  readonly person?: string;
  readonly subject?: string;
  readonly since?: string;
  readonly until?: string;
  readonly after?: string;
  readonly limit: number;
  readonly json?: boolean;
}

const accessList: AddCommand = (access, session) =>
  access
    .command('list')
    .description('Accesses, the latest first')
    .option('--actor <name>', 'by this key (api:NAME) or database user', tokenOption)
    .addOption(new Option('--action <word>', 'of this kind').choices([...accessActions]))
    .option('--person <person>', `that concerned this person: ${personArgument}`, tokenOption)
    .option('--subject <id>', 'of this photo, face, person or alert', identifier)
    .option('--since <time>', 'at or after this time, like 2026-11-23T15:04:05Z', momentOption)
    .option('--until <time>', 'before this time', momentOption)
    .option('--after <id>', 'the next page: those that come after this one', identifier)
    .option('--limit <number>', 'at most this many', positionOption, 100)
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, { json, person, ...wanted }: ListOptions) => {
        const { db } = await connect(context);
        const found = await findAccesses(db, {
          ...wanted,
          person: person === undefined ? undefined : (await findOnePerson(db, person)).id,
        });
        printRows(context.io, found, {
          json,
          none: 'nobody looked',
          columns: ({ subject, person_ids, request_id, details, ...row }) => ({
            at: row.at,
            actor: row.actor,
            action: row.action,
            of: subject === null ? null : `${subject.kind} ${subject.id}`,
            people: person_ids.length,
            times: row.times,
            reason: row.reason,
            id: row.id,
          }),
        });
      }),
    );
