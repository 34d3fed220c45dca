import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { orNameTaken } from '../database/unique.ts';
import type { Page } from '../fields.ts';
import { findCamera, findSite, findWatchlist } from '../watchlist/registry.ts';
import type { Scope } from './key.ts';

/** API keys: making, rotating, revoking and listing them. The rules are in the database, in sql/1-base/keys.sql and key-calls.sql. */

/** The fields of a new key. */
export interface NewKey {
  readonly name: string;
  /** Default: submit and read. */
  readonly scopes?: readonly Scope[] | undefined;
  /** Names or ids of the only sites, cameras and lists that it is for; none: all. */
  readonly sites?: readonly string[] | undefined;
  readonly cameras?: readonly string[] | undefined;
  readonly watchlists?: readonly string[] | undefined;
  /** In ISO 8601; none: it does not expire. */
  readonly expires_at?: string | undefined;
  /** Limits of calls a minute, streams, and photos that wait; none: those of the settings, and any number of calls. */
  readonly rate_per_minute?: number | undefined;
  readonly max_streams?: number | undefined;
  readonly max_backlog?: number | undefined;
}

const firstRow = async <Row>(
  query: { execute(db: Kysely<DB>): Promise<{ rows: Row[] }> },
  db: Kysely<DB>,
) => {
  const { rows } = await query.execute(db);
  return rows[0] as Row;
};

/** Ids of what is named; null: nothing is. */
const idsOf = async (
  names: readonly string[] = [],
  find: (name: string) => Promise<string>,
): Promise<string[] | null> => {
  const ids = new Set<string>();
  for (const name of names) ids.add(await find(name));
  return ids.size > 0 ? [...ids] : null;
};

/**
 * The id of a key by its name or id.
 *
 * @throws {WatchpostError} key_unknown, by SQLSTATE.
 */
export const findKey = async (db: Kysely<DB>, nameOrId: string): Promise<string> =>
  (await firstRow(sql<{ id: string }>`select watchpost.find_key(${nameOrId}) as id`, db)).id;

/**
 * Makes a key.
 *
 * @returns the key as listed, and the key itself, which is only shown here.
 * @throws {WatchpostError} name_taken, key_beyond_own, scope_unknown, camera_unknown, watchlist_unknown, time_invalid,
 *   limit_invalid (by SQLSTATE or constraint).
 */
export const createKey = async (db: Kysely<DB>, wanted: NewKey): Promise<KeyStatus & { key: string }> => {
  const sites = await idsOf(wanted.sites, (name) => findSite(db, name));
  const cameras = await idsOf(wanted.cameras, (name) => findCamera(db, name));
  const watchlists = await idsOf(wanted.watchlists, (name) => findWatchlist(db, name));
  const { key_id, key } = await orNameTaken(
    `The key name ${JSON.stringify(wanted.name)}`,
    firstRow(
      sql<{ key_id: string; key: string }>`
        select * from watchpost.create_key(
          name => ${wanted.name},
          scopes => ${wanted.scopes ?? ['submit', 'read']}::text[],
          sites => ${sites}::uuid[],
          cameras => ${cameras}::uuid[],
          watchlists => ${watchlists}::uuid[],
          expires_at => ${wanted.expires_at ?? null}::timestamptz,
          rate_per_minute => ${wanted.rate_per_minute ?? null}::integer,
          max_streams => ${wanted.max_streams ?? null}::integer,
          max_backlog => ${wanted.max_backlog ?? null}::integer
        )
      `,
      db,
    ),
  );
  return { ...(await readKey(db, key_id)), key };
};

/** What can be changed of a key; null lifts a bound or a limit, what is undefined stays. */
export interface KeyChanges {
  /** Names or ids. */
  readonly sites?: readonly string[] | null | undefined;
  readonly cameras?: readonly string[] | null | undefined;
  readonly watchlists?: readonly string[] | null | undefined;
  /** In ISO 8601. */
  readonly expires_at?: string | null | undefined;
  readonly rate_per_minute?: number | null | undefined;
  readonly max_streams?: number | null | undefined;
  readonly max_backlog?: number | null | undefined;
}

/**
 * Changes a key.
 *
 * @returns the key as it is now.
 * @throws {WatchpostError} key_unknown, key_ended, key_beyond_own, site_unknown, camera_unknown, watchlist_unknown,
 *   time_invalid, limit_invalid (by SQLSTATE or constraint).
 */
export const changeKey = async (db: Kysely<DB>, id: string, wanted: KeyChanges): Promise<KeyStatus> => {
  const { sites, cameras, watchlists, ...others } = wanted;
  const changes = {
    ...others,
    sites: sites && (await idsOf(sites, (name) => findSite(db, name))),
    cameras: cameras && (await idsOf(cameras, (name) => findCamera(db, name))),
    watchlists: watchlists && (await idsOf(watchlists, (name) => findWatchlist(db, name))),
  };
  await sql`select watchpost.change_key(${id}, ${JSON.stringify(changes)}::jsonb)`.execute(db);
  return readKey(db, id);
};

/** The keys without their hashes, by name, those too that were revoked or have expired. */
const keys = (db: Kysely<DB>) =>
  db
    .selectFrom('watchpost.key_status')
    .select([
      'id',
      'name',
      'state',
      'scopes',
      'sites',
      'cameras',
      'watchlists',
      'rate_per_minute',
      'max_streams',
      'max_backlog',
      'created_at',
      'created_by',
      'expires_at',
      'revoked_at',
      'last_used_at',
      'previous_until',
    ])
    .$narrowType<{
      id: string;
      name: string;
      state: 'valid' | 'expired' | 'revoked';
      scopes: Scope[];
      created_at: Date;
      created_by: string;
    }>();

/** A key without its hash. */
export type KeyStatus = Awaited<ReturnType<typeof readKeys>>[number];

/**
 * The keys that the caller may manage, by name.
 *
 * @param page of them, after a name; undefined: all.
 */
export const readKeys = (db: Kysely<DB>, page?: Page) =>
  keys(db)
    .$if(page?.after !== undefined, (q) => q.where('name', '>', page?.after as string))
    .orderBy('name')
    .$if(page !== undefined, (q) => q.limit(page?.limit as number))
    .execute();

/**
 * One key, by its id.
 *
 * @throws {WatchpostError} key_unknown, by SQLSTATE.
 */
export const readKey = async (db: Kysely<DB>, id: string): Promise<KeyStatus> =>
  keys(db)
    .where('id', '=', await findKey(db, id))
    .executeTakeFirstOrThrow();

/**
 * Gives a key a new secret. The previous one is valid for a while, too.
 *
 * @param overlapSeconds how long; 0 ends it at once.
 * @returns the new key, which is only shown here.
 * @throws {WatchpostError} key_unknown, key_ended (by SQLSTATE).
 */
export const rotateKey = (db: Kysely<DB>, id: string, overlapSeconds: number) =>
  firstRow(
    sql<{ key: string; previous_until: Date }>`
      select * from watchpost.rotate_key(${id}, make_interval(secs => ${overlapSeconds}))
    `,
    db,
  );

/**
 * Revokes a key for good.
 *
 * @throws {WatchpostError} key_unknown, by SQLSTATE.
 */
export const revokeKey = async (db: Kysely<DB>, id: string): Promise<void> => {
  await sql`select watchpost.revoke_key(${id})`.execute(db);
};
