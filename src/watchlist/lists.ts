import { type Kysely, type SelectQueryBuilder, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { orNameTaken } from '../database/unique.ts';
import { WatchpostError } from '../errors.ts';
import type { Page } from '../fields.ts';
import { deleteHistory, type OnDeleted, type Transact } from './deleting.ts';
import { siteColumn } from './sites.ts';

/** Watchlists: adding, reading, changing and removing them. Their entries are in entries.ts. */

/** The thresholds of an embedder that a list may name instead of a number. */
export const thresholdNames = ['loose', 'default', 'strict'] as const;
export type ThresholdName = (typeof thresholdNames)[number];

/** The fields of a list. An omitted field is unchanged, or has the default of the schema. */
export interface WatchlistFields {
  readonly name?: string | undefined;
  readonly purpose?: string | undefined;
  readonly severity?: string | undefined;
  /**
   * The least similarity of a match, 0 to 1, or the name of a threshold of the model; the list then follows the
   * model.
   */
  readonly threshold?: number | ThresholdName | undefined;
  /** The threshold follows the latest calibration at this rate; null: it no longer does, and keeps its value. */
  readonly target_fpir?: number | null | undefined;
  readonly cooldown_seconds?: number | undefined;
  readonly enabled?: boolean | undefined;
  /** Times in ISO 8601; null: no bound. */
  readonly valid_from?: string | null | undefined;
  readonly valid_until?: string | null | undefined;
  /** The number of people who must confirm an alert: 1 or 2. */
  readonly reviewers?: number | undefined;
  readonly page_retroactive?: boolean | undefined;
}

/** A list to add. */
export interface NewWatchlist extends WatchlistFields {
  readonly name: string;
  /** Name or id of its site; default: the first that whoever acts may see. */
  readonly site?: string | undefined;
}

const columnsOf = ({ threshold, cooldown_seconds, ...columns }: WatchlistFields) => ({
  ...(typeof threshold === 'number' ? { threshold, threshold_name: null } : {}),
  ...(typeof threshold === 'string' ? { threshold_name: threshold } : {}),
  ...Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined)),
  ...(cooldown_seconds === undefined
    ? {}
    : { cooldown: sql<string>`make_interval(secs => ${cooldown_seconds})` }),
});

const nameOf = (list: WatchlistFields) => `The watchlist name ${JSON.stringify(list.name)}`;

/**
 * Adds a list.
 *
 * @throws {WatchpostError} name_taken; by SQLSTATE site_unknown, threshold_invalid, validity_invalid, watchlist_expired,
 *   calibration_missing.
 */
export const addWatchlist = async (db: Kysely<DB>, { site, ...list }: NewWatchlist) => {
  const ofSite = await siteColumn(db, site);
  const { id } = await orNameTaken(
    nameOf(list),
    db
      .insertInto('watchpost.watchlist')
      // Without a threshold the database chooses the default.
      .values({ name: list.name, threshold: sql<number>`default`, ...columnsOf(list), ...ofSite })
      .returning('id')
      .executeTakeFirstOrThrow(),
  );
  return readWatchlist(db, id);
};

/**
 * Changes a list; its version increases if a field differs.
 *
 * @throws {WatchpostError} watchlist_unknown, and those of addWatchlist.
 */
export const setWatchlist = async (db: Kysely<DB>, id: string, fields: WatchlistFields) => {
  const columns = columnsOf(fields);
  if (Object.keys(columns).length > 0) {
    await orNameTaken(
      nameOf(fields),
      db.updateTable('watchpost.watchlist').set(columns).where('id', '=', id).execute(),
    );
  }
  return readWatchlist(db, id);
};

/**
 * Removes a list with its matches and alerts, batch by batch; first it is disabled. To keep them, disable the list or let
 * it expire. If this is interrupted, it can be called again.
 *
 * @throws {WatchpostError} watchlist_unknown.
 */
export const removeWatchlist = async (
  transact: Transact,
  id: string,
  onDeleted: OnDeleted = () => {},
): Promise<void> => {
  await transact((trx) => readWatchlist(trx, id));
  await deleteHistory(transact, { watchlist: id }, onDeleted);
  await transact((trx) => trx.deleteFrom('watchpost.watchlist').where('id', '=', id).execute());
};

/** @throws {WatchpostError} watchlist_unknown. */
export const readWatchlist = async (db: Kysely<DB>, id: string) => {
  const list = await selected(
    db.selectFrom('watchpost.watchlist as w').where('w.id', '=', id),
  ).executeTakeFirst();
  if (!list) throw watchlistUnknown(id);
  return list;
};

/**
 * Lists by name, with the number of people on each.
 *
 * @param page of them, after a name; undefined: all.
 */
export const readWatchlists = (db: Kysely<DB>, page?: Page) =>
  selected(db.selectFrom('watchpost.watchlist as w'))
    .$if(page?.after !== undefined, (q) => q.where('w.name', '>', page?.after as string))
    .orderBy('w.name')
    .$if(page !== undefined, (q) => q.limit(page?.limit as number))
    .execute();

const selected = <O>(query: SelectQueryBuilder<DB & { w: DB['watchpost.watchlist'] }, 'w', O>) =>
  query.select((eb) => [
    'w.id',
    'w.name',
    sql<string>`(select s.name from watchpost.site as s where s.id = w.site_id)`.as('site'),
    'w.purpose',
    'w.severity',
    'w.threshold',
    'w.threshold_name',
    'w.target_fpir',
    sql<number>`extract(epoch from w.cooldown)::real`.as('cooldown_seconds'),
    'w.enabled',
    'w.valid_from',
    'w.valid_until',
    sql<boolean>`exists (select from watchpost.active_watchlist as a where a.id = w.id)`.as('in_force'),
    'w.reviewers',
    'w.page_retroactive',
    'w.version',
    'w.changed_at',
    eb
      .selectFrom('watchpost.watchlist_entry as e')
      .select(sql<number>`count(*)::integer`.as('n'))
      .whereRef('e.watchlist_id', '=', 'w.id')
      .as('persons'),
  ]);

const watchlistUnknown = (id: string) =>
  new WatchpostError('watchlist_unknown', `There is no watchlist ${id}.`);
