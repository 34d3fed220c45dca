import { type Kysely, type RawBuilder, type SelectQueryBuilder, sql } from 'kysely';
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

/** What a screen plays for an alert: the sounds that the console ships. */
export const sounds = ['none', 'chime', 'bell', 'alarm'] as const;

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
  /** So many faces of a track must reach the threshold by themselves: 1 to 1000. */
  readonly min_looks?: number | undefined;
  /** The share of the good faces of a track that must do so, 0 to 1. */
  readonly min_share?: number | undefined;
  readonly cooldown_seconds?: number | undefined;
  readonly enabled?: boolean | undefined;
  /** Times in ISO 8601; null: no bound. */
  readonly valid_from?: string | null | undefined;
  readonly valid_until?: string | null | undefined;
  /** The number of people who must confirm an alert: 1 or 2. */
  readonly reviewers?: number | undefined;
  readonly page_retroactive?: boolean | undefined;
  /** `#rrggbb`, in small letters; null: that of the severity. */
  readonly color?: string | null | undefined;
  readonly sound?: (typeof sounds)[number] | undefined;
  /** Whether its alerts stay in front until somebody has acknowledged them. */
  readonly must_acknowledge?: boolean | undefined;
  /** Names or ids of the cameras whose photos are compared with it, beside those of the zones. Null, and zones too: all. */
  readonly cameras?: readonly string[] | null | undefined;
  readonly zones?: readonly string[] | null | undefined;
}

/** A list to add. */
interface NewWatchlist extends WatchlistFields {
  readonly name: string;
  /** Name or id of its site; default: the first that whoever acts may see. */
  readonly site?: string | undefined;
}

const columnsOf = async (
  db: Kysely<DB>,
  { threshold, cooldown_seconds, cameras, ...columns }: WatchlistFields,
  site: RawBuilder<string>,
) => ({
  ...(typeof threshold === 'number' ? { threshold, threshold_name: null } : {}),
  ...(typeof threshold === 'string' ? { threshold_name: threshold } : {}),
  ...Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined)),
  ...(cooldown_seconds === undefined
    ? {}
    : { cooldown: sql<string>`make_interval(secs => ${cooldown_seconds})` }),
  ...(cameras === undefined ? {} : { cameras: cameras && (await findCameras(db, cameras, site)) }),
});

/** By name or id: those of the site, or else any, which the database refuses with their names. */
export const findCameras = async (
  db: Kysely<DB>,
  wanted: readonly string[],
  site: RawBuilder<string>,
): Promise<string[]> => {
  const { rows } = await sql<{ ids: string[] }>`
    select array(
      select coalesce(
        (
          select c.id from watchpost.camera as c
          where c.name = normalize(w.name, nfc) and c.site_id = ${site} and c.removed_at is null
        ),
        watchpost.find_camera(w.name, true)
      )
      from unnest(${wanted}::text[]) as w (name)
    ) as ids
  `.execute(db);
  return rows[0]?.ids ?? [];
};

const nameOf = (list: WatchlistFields) => `The watchlist name ${JSON.stringify(list.name)}`;

/**
 * Adds a list.
 *
 * @throws {WatchpostError} name_taken; by SQLSTATE site_unknown, threshold_invalid, validity_invalid, watchlist_expired,
 *   calibration_missing, camera_unknown, zone_unknown.
 */
export const addWatchlist = async (db: Kysely<DB>, { site, ...list }: NewWatchlist) => {
  const ofSite = await siteColumn(db, site);
  const columns = await columnsOf(
    db,
    list,
    sql<string>`coalesce(${ofSite.site_id ?? null}::uuid, watchpost.default_site())`,
  );
  const { id } = await orNameTaken(
    nameOf(list),
    db
      .insertInto('watchpost.watchlist')
      // Without a threshold the database chooses the default.
      .values({ name: list.name, threshold: sql<number>`default`, ...columns, ...ofSite })
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
  const ofSite = sql<string>`(select w.site_id from watchpost.watchlist as w where w.id = ${id})`;
  const columns = await columnsOf(db, fields, ofSite);
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
    'w.min_looks',
    'w.min_share',
    sql<number>`extract(epoch from w.cooldown)::real`.as('cooldown_seconds'),
    'w.enabled',
    'w.valid_from',
    'w.valid_until',
    sql<boolean>`exists (select from watchpost.active_watchlist as a where a.id = w.id)`.as('in_force'),
    'w.reviewers',
    'w.page_retroactive',
    'w.color',
    sql<(typeof sounds)[number]>`w.sound`.as('sound'),
    'w.must_acknowledge',
    'w.cameras',
    'w.zones',
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
