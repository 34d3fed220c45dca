import { type Kysely, type RawBuilder, type SelectQueryBuilder, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { orNameTaken } from '../database/unique.ts';
import { WatchpostError } from '../errors.ts';
import type { Page } from '../fields.ts';
import { findWatchlist } from './entries.ts';
import { findCameras } from './lists.ts';
import { siteColumn } from './sites.ts';

/** Rules about people who are on no list. What they lead to: stranger-alerts.ts. */

/** From when until when, by the clock: 22:00 until 06:00 is over midnight. */
export interface Hours {
  readonly from: string;
  readonly until: string;
}

/** The fields of a rule. An omitted field is unchanged, or has the default of the schema. */
export interface StrangerRuleFields {
  readonly name?: string | undefined;
  readonly severity?: string | undefined;
  /** Names or ids; null: all cameras of the site. */
  readonly cameras?: readonly string[] | null | undefined;
  /** Names or ids of the lists that make somebody known; null: any. */
  readonly known_on?: readonly string[] | null | undefined;
  /** 1 is Monday; null: every day. */
  readonly days?: readonly number[] | null | undefined;
  /** Null: all day. */
  readonly hours?: Hours | null | undefined;
  /** Of days and hours, like Europe/Vienna. */
  readonly time_zone?: string | undefined;
  /** Faces of a track that are good enough to be compared, at least. */
  readonly min_looks?: number | undefined;
  /** Of the best face of a track: 2.3 is the poorest that is compared, 3 and more a good view. */
  readonly min_quality?: number | undefined;
  /** How long a track is followed before it is judged. */
  readonly wait_seconds?: number | undefined;
  /** Only strangers who have come at least this many times; null: everybody unknown. */
  readonly visits?: number | null | undefined;
  /** The time in which visits are counted. */
  readonly within_seconds?: number | undefined;
  readonly enabled?: boolean | undefined;
}

/** A rule to add. */
export interface NewStrangerRule extends StrangerRuleFields {
  readonly name: string;
  /** Name or id of its site; default: the first that whoever acts may see. */
  readonly site?: string | undefined;
}

const columnsOf = async (
  db: Kysely<DB>,
  { cameras, known_on, hours, wait_seconds, within_seconds, days, ...plain }: StrangerRuleFields,
  site: RawBuilder<string>,
) => ({
  ...Object.fromEntries(Object.entries(plain).filter(([, value]) => value !== undefined)),
  ...(days === undefined ? {} : { days: days && [...new Set(days)].sort() }),
  ...(hours === undefined ? {} : { from_time: hours?.from ?? null, until_time: hours?.until ?? null }),
  ...(wait_seconds === undefined ? {} : { wait: sql<string>`make_interval(secs => ${wait_seconds})` }),
  ...(within_seconds === undefined ? {} : { within: sql<string>`make_interval(secs => ${within_seconds})` }),
  ...(cameras === undefined ? {} : { cameras: cameras && (await findCameras(db, cameras, site)) }),
  ...(known_on === undefined
    ? {}
    : { known_on: known_on && (await Promise.all(known_on.map((list) => findWatchlist(db, list)))) }),
});

const nameOf = ({ name }: StrangerRuleFields) => `The name ${JSON.stringify(name)} of a rule`;

/**
 * Adds a rule.
 *
 * @throws {WatchpostError} name_taken, watchlist_unknown; by SQLSTATE site_unknown, camera_unknown, time_zone_unknown.
 */
export const addStrangerRule = async (db: Kysely<DB>, { site, ...rule }: NewStrangerRule) => {
  const ofSite = await siteColumn(db, site);
  const columns = await columnsOf(
    db,
    rule,
    sql<string>`coalesce(${ofSite.site_id ?? null}::uuid, watchpost.default_site())`,
  );
  const { id } = await orNameTaken(
    nameOf(rule),
    db
      .insertInto('watchpost.stranger_rule')
      .values({ ...columns, ...ofSite, name: rule.name })
      .returning('id')
      .executeTakeFirstOrThrow(),
  );
  return readStrangerRule(db, id);
};

/**
 * Changes a rule.
 *
 * @throws {WatchpostError} stranger_rule_unknown, and those of addStrangerRule.
 */
export const setStrangerRule = async (db: Kysely<DB>, id: string, fields: StrangerRuleFields) => {
  const ofSite = sql<string>`(select r.site_id from watchpost.stranger_rule as r where r.id = ${id})`;
  const columns = await columnsOf(db, fields, ofSite);
  if (Object.keys(columns).length > 0) {
    await orNameTaken(
      nameOf(fields),
      db.updateTable('watchpost.stranger_rule').set(columns).where('id', '=', id).execute(),
    );
  }
  return readStrangerRule(db, id);
};

/**
 * Removes a rule with its alerts.
 *
 * @throws {WatchpostError} stranger_rule_unknown.
 */
export const removeStrangerRule = async (db: Kysely<DB>, id: string): Promise<void> => {
  await readStrangerRule(db, id);
  await db.deleteFrom('watchpost.stranger_rule').where('id', '=', id).execute();
};

/** @throws {WatchpostError} stranger_rule_unknown. */
export const readStrangerRule = async (db: Kysely<DB>, id: string) => {
  const rule = await selected(db.selectFrom('watchpost.stranger_rule as r'))
    .where('r.id', '=', id)
    .executeTakeFirst();
  if (!rule) throw new WatchpostError('stranger_rule_unknown', `There is no rule ${id} about strangers.`);
  return rule;
};

/**
 * The id of a rule by its name or id.
 *
 * @throws {WatchpostError} stranger_rule_unknown.
 */
export const findStrangerRule = async (db: Kysely<DB>, nameOrId: string): Promise<string> => {
  const rules = await readStrangerRules(db);
  const found = rules.find(({ name, id }) => name === nameOrId || id === nameOrId);
  if (found) return found.id;
  throw new WatchpostError('stranger_rule_unknown', `There is no rule ${JSON.stringify(nameOrId)}.`, {
    hint: `Rules: ${rules.map(({ name }) => name).join(', ') || 'none yet'}.`,
  });
};

/** Rules by name. @param page of them, after a name; undefined: all. */
export const readStrangerRules = (db: Kysely<DB>, page?: Page) =>
  selected(db.selectFrom('watchpost.stranger_rule as r'))
    .$if(page?.after !== undefined, (q) => q.where('r.name', '>', page?.after as string))
    .orderBy('r.name')
    .$if(page !== undefined, (q) => q.limit(page?.limit as number))
    .execute();

const selected = <O>(query: SelectQueryBuilder<DB & { r: DB['watchpost.stranger_rule'] }, 'r', O>) =>
  query.select([
    'r.id',
    'r.name',
    sql<string>`(select s.name from watchpost.site as s where s.id = r.site_id)`.as('site'),
    sql<'info' | 'warning' | 'critical'>`r.severity`.as('severity'),
    'r.cameras',
    'r.known_on',
    'r.days',
    sql<Hours | null>`
      case when r.from_time is not null then
        json_build_object('from', to_char(r.from_time, 'HH24:MI'), 'until', to_char(r.until_time, 'HH24:MI'))
      end
    `.as('hours'),
    'r.time_zone',
    'r.min_looks',
    'r.min_quality',
    sql<number>`extract(epoch from r.wait)::float8`.as('wait_seconds'),
    'r.visits',
    sql<number>`extract(epoch from r.within)::float8`.as('within_seconds'),
    'r.enabled',
    'r.created_at',
  ]);
