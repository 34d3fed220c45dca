import { type Kysely, sql } from 'kysely';
import type { DB } from './types.generated.ts';

/** What people name, enable, disable and remove. The database has find_, enable_, disable_ and remove_ of each. */
export type Named = 'bridge' | 'endpoint';

/** What is done with one of them. */
export type Change = 'enable' | 'disable' | 'remove';

/**
 * The id of one by its name or id.
 *
 * @throws {WatchpostError} bridge_unknown, endpoint_unknown, by SQLSTATE.
 */
export const findNamed = async (db: Kysely<DB>, what: Named, nameOrId: string): Promise<string> => {
  const { rows } = await sql<{ id: string }>`
    select ${sql.ref(`watchpost.find_${what}`)}(${nameOrId}) as id
  `.execute(db);
  return (rows[0] as { id: string }).id;
};

/** Enables, disables or removes one. @throws {WatchpostError} as findNamed. */
export const changeNamed = (db: Kysely<DB>, what: Named, id: string, change: Change) =>
  sql`select ${sql.ref(`watchpost.${change}_${what}`)}(${id})`.execute(db);
