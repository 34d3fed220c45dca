import { type Kysely, sql } from 'kysely';
import type { Database } from '../database/pool.ts';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';

/** Cameras, people, their photos, and lists: making them and putting them together. */

const isTaken = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === '23505';

const orTaken = async <T>(what: string, insertion: Promise<T>): Promise<T> => {
  try {
    return await insertion;
  } catch (error) {
    if (isTaken(error)) throw new WatchpostError('name_taken', `${what} is taken.`, { cause: error });
    throw error;
  }
};

/** @throws {WatchpostError} name_taken. */
export const addCamera = (
  db: Kysely<DB>,
  camera: { name: string; location: string; zone?: string | undefined },
) =>
  orTaken(
    `The camera name ${JSON.stringify(camera.name)}`,
    db
      .insertInto('watchpost.camera')
      .values({ name: camera.name, location: camera.location, zone: camera.zone ?? null })
      .returning(['id', 'name', 'location', 'zone'])
      .executeTakeFirstOrThrow(),
  );

/**
 * Makes a person, at once on the given lists.
 *
 * @param person.watchlists names or ids.
 * @throws {WatchpostError} name_taken for a known external_ref, watchlist_unknown; then nothing was made.
 */
export const addPerson = (
  db: Kysely<DB>,
  person: {
    name: string;
    external_ref?: string | undefined;
    metadata?: Record<string, unknown> | undefined;
    watchlists?: string[] | undefined;
  },
) =>
  orTaken(
    `The external reference ${JSON.stringify(person.external_ref)}`,
    db.transaction().execute(async (trx) => {
      const made = await trx
        .insertInto('watchpost.person')
        .values({
          name: person.name,
          external_ref: person.external_ref ?? null,
          metadata: JSON.stringify(person.metadata ?? {}),
        })
        .returning(['id', 'name', 'external_ref', 'metadata', 'created_at'])
        .executeTakeFirstOrThrow();
      for (const list of person.watchlists ?? []) {
        await addToWatchlist(trx, await findWatchlist(trx, list), made.id);
      }
      return made;
    }),
  );

/**
 * Hands in a photo to enrol a person; detect, embed and enrol take it from there.
 *
 * @param photo.chosenFace counted from 1, left to right.
 * @throws {WatchpostError} by SQLSTATE: person_unknown, body_empty.
 */
export const addPersonPhoto = async (
  database: Database,
  photo: {
    personId: string;
    bytes: Uint8Array;
    chosenFace?: number | undefined;
    submittedBy?: string | undefined;
  },
): Promise<{ person_photo_id: string; image_id: string }> => {
  const { rows } = await database.pool.query<{ person_photo_id: string; image_id: string }>(
    'select * from watchpost.add_person_photo($1, $2, $3::smallint, $4)',
    [photo.personId, Buffer.from(photo.bytes), photo.chosenFace ?? null, photo.submittedBy ?? null],
  );
  return rows[0] as { person_photo_id: string; image_id: string };
};

/** @throws {WatchpostError} name_taken. */
export const addWatchlist = (
  db: Kysely<DB>,
  list: {
    name: string;
    purpose?: string | undefined;
    severity?: string | undefined;
    threshold?: number | undefined;
    cooldown_seconds?: number | undefined;
    enabled?: boolean | undefined;
  },
) => {
  const { cooldown_seconds, ...columns } = list;
  const given = Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined));
  return orTaken(
    `The watchlist name ${JSON.stringify(list.name)}`,
    db
      .insertInto('watchpost.watchlist')
      .values({
        ...(given as { name: string }),
        ...(cooldown_seconds === undefined
          ? {}
          : { cooldown: sql`make_interval(secs => ${cooldown_seconds})` }),
      })
      .returning(['id', 'name', 'purpose', 'severity', 'threshold', 'enabled'])
      .executeTakeFirstOrThrow(),
  );
};

/** Every list with the number of people on it. */
export const readWatchlists = (db: Kysely<DB>) =>
  db
    .selectFrom('watchpost.watchlist as w')
    .select((eb) => [
      'w.id',
      'w.name',
      'w.purpose',
      'w.severity',
      'w.threshold',
      sql<number>`extract(epoch from w.cooldown)::real`.as('cooldown_seconds'),
      'w.enabled',
      eb
        .selectFrom('watchpost.watchlist_entry as e')
        .select(sql<number>`count(*)::integer`.as('n'))
        .whereRef('e.watchlist_id', '=', 'w.id')
        .as('persons'),
    ])
    .orderBy('w.name')
    .execute();

/** @throws {WatchpostError} watchlist_unknown, naming the known ones. */
export const findWatchlist = async (db: Kysely<DB>, nameOrId: string): Promise<string> => {
  const lists = await db.selectFrom('watchpost.watchlist').select(['id', 'name']).orderBy('name').execute();
  const found = lists.find((list) => list.name === nameOrId) ?? lists.find((list) => list.id === nameOrId);
  if (found) return found.id;
  throw new WatchpostError('watchlist_unknown', `There is no watchlist ${JSON.stringify(nameOrId)}.`, {
    hint: `Watchlists: ${lists.map((list) => list.name).join(', ') || 'none yet'}.`,
  });
};

/**
 * Puts a person on a list; nothing happens if they are on it.
 *
 * @throws {WatchpostError} watchlist_unknown, person_unknown.
 */
export const addToWatchlist = async (
  db: Kysely<DB>,
  watchlistId: string,
  personId: string,
): Promise<void> => {
  await db
    .insertInto('watchpost.watchlist_entry')
    .values({ watchlist_id: watchlistId, person_id: personId })
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

/** Takes a person off a list; nothing happens if they are not on it. */
export const removeFromWatchlist = async (
  db: Kysely<DB>,
  watchlistId: string,
  personId: string,
): Promise<void> => {
  await db
    .deleteFrom('watchpost.watchlist_entry')
    .where('watchlist_id', '=', watchlistId)
    .where('person_id', '=', personId)
    .execute();
};
