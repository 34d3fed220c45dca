import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';

/** Entries of watchlists: adding people and removing them. */

/**
 * The id of a watchlist by its name or id.
 *
 * @throws {WatchpostError} watchlist_unknown, whose hint names the existing ones.
 */
export const findWatchlist = async (db: Kysely<DB>, nameOrId: string): Promise<string> => {
  const lists = await db.selectFrom('watchpost.watchlist').select(['id', 'name']).orderBy('name').execute();
  const found = lists.find((list) => list.name === nameOrId) ?? lists.find((list) => list.id === nameOrId);
  if (found) return found.id;
  throw new WatchpostError('watchlist_unknown', `There is no watchlist ${JSON.stringify(nameOrId)}.`, {
    hint: `Watchlists: ${lists.map((list) => list.name).join(', ') || 'none yet'}.`,
  });
};

/**
 * Adds a person to a list; does nothing if they are on it.
 *
 * @param since when they were put on it first, elsewhere; default: now.
 * @throws {WatchpostError} watchlist_unknown, person_unknown; watchlist_expired by SQLSTATE.
 */
export const addToWatchlist = async (
  db: Kysely<DB>,
  watchlistId: string,
  personId: string,
  since?: string | undefined,
): Promise<void> => {
  await db
    .insertInto('watchpost.watchlist_entry')
    .values({
      watchlist_id: watchlistId,
      person_id: personId,
      ...(since === undefined ? {} : { created_at: since }),
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
    .catch((error) => {
      if (error.code !== '23503') throw error;
      const [code, message] =
        error.constraint === 'watchlist_entry_person_id_fkey'
          ? (['person_unknown', `There is no person ${personId}.`] as const)
          : (['watchlist_unknown', `There is no watchlist ${watchlistId}.`] as const);
      throw new WatchpostError(code, message, { cause: error });
    });
};

/** Removes a person, or whom they were merged into, from a list; does nothing if they are not on it. */
export const removeFromWatchlist = async (
  db: Kysely<DB>,
  watchlistId: string,
  personId: string,
): Promise<void> => {
  await db
    .deleteFrom('watchpost.watchlist_entry')
    .where('watchlist_id', '=', watchlistId)
    .where('person_id', '=', sql<string>`watchpost.survivor(${personId})`)
    .execute();
};
