import { type Kysely, sql } from 'kysely';
import type { DB } from '../../database/types.generated.ts';
import { CommandError, WatchpostError } from '../../errors.ts';

/** What {@link findOnePerson} takes, for the help. */
export const personArgument = 'id, external reference, or a name that only one person has';

/**
 * The person that is meant by an argument of a command.
 *
 * @param wanted an id, an external reference, or a name that only one person has.
 * @throws {WatchpostError} person_unknown. {CommandError} if several have the name.
 */
export const findOnePerson = async (
  db: Kysely<DB>,
  wanted: string,
): Promise<{ id: string; name: string }> => {
  const { rows } = await sql<{ id: string; name: string; exact: boolean }>`
    select p.id, p.name, p.id::text = lower(${wanted}) or p.external_ref = ${wanted} as exact
    from watchpost.person as p
    where p.id::text = lower(${wanted}) or p.external_ref = ${wanted} or p.name = ${wanted}
    order by exact desc nulls last, p.id
    limit 10
  `.execute(db);
  const [first] = rows;
  if (!first) throw new WatchpostError('person_unknown', `There is no person ${JSON.stringify(wanted)}.`);
  if (!first.exact && rows.length > 1) {
    throw new CommandError(
      `Several people are called ${wanted}; give the id of one: ${rows.map((row) => row.id).join(', ')}.`,
    );
  }
  return first;
};
