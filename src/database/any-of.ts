import { sql } from 'kysely';

/**
 * The right-hand side of `column = any ($1::uuid[])`, for `where('id', '=', anyOf(ids))`. An `in (…)` list would make a
 * new statement text for each number of ids, and a connection prepares a limited number of texts.
 */
export const anyOf = (ids: readonly string[]) => sql<string>`any (${ids}::uuid[])`;
