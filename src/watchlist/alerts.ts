import { type Kysely, type NotNull, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import type { Page } from '../fields.ts';
import { isIn, NewRows } from './new-rows.ts';

/** Alerts: queries and reviews. The rules are in the database, in sql/5-alerts/alert-reviews.sql. */

/** Conditions for a query of alerts. */
interface AlertFilter {
  readonly state?: string | undefined;
  readonly person_id?: string | undefined;
  /** Name of the list. */
  readonly watchlist?: string | undefined;
  /** Of lists whose alerts somebody has to acknowledge; false: of the others. */
  readonly must_acknowledge?: boolean | undefined;
  /** This severity or a higher one. */
  readonly min_severity?: string | undefined;
  /** Seen at or after this time. */
  readonly since?: string | undefined;
}

const columns = [
  'id',
  'person_id',
  'person',
  'watchlist',
  'severity',
  'state',
  'awaiting',
  'similarity',
  'threshold',
  'camera',
  'location',
  'zone',
  'first_seen',
  'last_seen',
  'sightings',
  'image_id',
  'face_id',
  'retroactive',
  'withdrawn_at',
  'created_at',
  'watchlist_id',
  'camera_id',
  'color',
  'sound',
  'must_acknowledge',
] as const;

/** The columns that are never null, which the generated types of a view do not know. */
interface Given {
  id: NotNull;
  person_id: NotNull;
  person: NotNull;
  watchlist: NotNull;
  severity: NotNull;
  state: NotNull;
  similarity: NotNull;
  threshold: NotNull;
  first_seen: NotNull;
  last_seen: NotNull;
  sightings: NotNull;
  image_id: NotNull;
  face_id: NotNull;
  retroactive: NotNull;
  created_at: NotNull;
  watchlist_id: NotNull;
  sound: NotNull;
  must_acknowledge: NotNull;
}

/** A query of the alerts that meet a filter, not ordered yet. */
const selectAlerts = (db: Kysely<DB>, wanted: AlertFilter) =>
  db
    .selectFrom('watchpost.alert_detail as a')
    .select(columns)
    .$narrowType<Given>()
    .$if(wanted.state !== undefined, (q) => q.where('a.state', '=', wanted.state as string))
    // Withdrawn alerts need no review.
    .$if(wanted.state === 'open' || wanted.state === 'acknowledged', (q) =>
      q.where('a.withdrawn_at', 'is', null),
    )
    .$if(wanted.person_id !== undefined, (q) =>
      q.where('a.person_id', '=', sql<string>`watchpost.survivor(${wanted.person_id})`),
    )
    .$if(wanted.watchlist !== undefined, (q) => q.where('a.watchlist', '=', wanted.watchlist as string))
    .$if(wanted.must_acknowledge !== undefined, (q) =>
      q.where('a.must_acknowledge', '=', wanted.must_acknowledge as boolean),
    )
    .$if(wanted.min_severity !== undefined, (q) =>
      q.where(
        sql<boolean>`watchpost.severity_rank(a.severity) >= watchpost.severity_rank(${wanted.min_severity})`,
      ),
    )
    .$if(wanted.since !== undefined, (q) => q.where('a.last_seen', '>=', new Date(wanted.since as string)));

/**
 * A page of the alerts that meet a filter, those seen last first.
 *
 * @param page.after the id of an alert.
 * @throws {WatchpostError} alert_unknown if that one is gone: then the list is to be read from its beginning.
 */
export const listAlerts = async (db: Kysely<DB>, wanted: AlertFilter, { after, limit }: Page) => {
  if (after !== undefined) await readAlert(db, after);
  return selectAlerts(db, wanted)
    .$if(after !== undefined, (q) =>
      q.where(
        sql<boolean>`(a.last_seen, a.id) < (
          select b.last_seen, b.id from watchpost.alert as b where b.id = ${after}
        )`,
      ),
    )
    .orderBy('a.last_seen', 'desc')
    .orderBy('a.id', 'desc')
    .limit(limit)
    .execute();
};

/**
 * The alerts that meet a filter, as they are raised.
 *
 * @param position after which to begin; undefined: now.
 */
export const newAlerts = (db: Kysely<DB>, wanted: AlertFilter, position?: string) =>
  NewRows.after(
    db,
    (trx, window, most) =>
      selectAlerts(trx, wanted)
        .select(sql<string>`a.xid::text`.as('xid'))
        .where(isIn('a', window))
        .orderBy('a.xid')
        .orderBy('a.id')
        .limit(most)
        .execute(),
    position,
  );

/** The decisions of a reviewer. */
export const decisions = ['acknowledge', 'confirm', 'dismiss', 'reopen', 'undo'] as const;
type Decision = (typeof decisions)[number];

/** A review as it is asked for. */
export interface Review {
  readonly decision: Decision;
  readonly note?: string | undefined;
  /** Why, for `dismiss`: one of `dismissals`. */
  readonly dismissal?: string | undefined;
  /** For `undo`, the id of the review that is meant; else the last one, whoever made it. */
  readonly review?: string | undefined;
}

/** Why an alert may be dismissed. */
export const dismissals = ['not_them', 'false_alarm', 'resolved', 'other'] as const;

/**
 * Reviews an alert as the caller of this transaction.
 *
 * @returns the alert after the review, with the id by which the review can be undone; null after `undo`.
 * @throws {WatchpostError} by SQLSTATE: alert_unknown, transition_invalid, reviewer_repeated, dismissal_invalid,
 *   undo_refused.
 */
export const reviewAlert = async (
  db: Kysely<DB>,
  alertId: string,
  { decision, note, dismissal, review }: Review,
) => {
  const name = sql.ref(`watchpost.${decision}`);
  const why = note ?? null;
  const call = {
    acknowledge: sql`${name}(${alertId}, ${why})`,
    confirm: sql`${name}(${alertId}, ${why})`,
    dismiss: sql`${name}(${alertId}, ${dismissal ?? null}, ${why})`,
    reopen: sql`${name}(${alertId}, ${why})`,
    undo: sql`${name}(${alertId}, ${why}, ${review ?? null})`,
  }[decision];
  await sql`select ${call}`.execute(db);
  const made = await db
    .selectFrom('watchpost.alert_review')
    .select('id')
    .where('alert_id', '=', alertId)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
  return { ...(await readAlert(db, alertId)), review_id: decision === 'undo' ? null : (made?.id ?? null) };
};

/**
 * One alert with its reviewers.
 *
 * @throws {WatchpostError} alert_unknown.
 */
export const readAlert = async (db: Kysely<DB>, alertId: string) => {
  const alert = await db
    .selectFrom('watchpost.alert_detail')
    .select([
      ...columns,
      'external_ref',
      'reviewers_needed',
      'acknowledged_by',
      'acknowledged_at',
      'confirmed_by',
      'confirmed_at',
      'second_confirmed_by',
      'second_confirmed_at',
      'dismissed_by',
      'dismissed_at',
      'dismissal',
    ])
    .where('id', '=', alertId)
    .$narrowType<Given & { reviewers_needed: NotNull }>()
    .executeTakeFirst();
  if (!alert) throw new WatchpostError('alert_unknown', `There is no alert ${alertId}.`);
  return alert;
};

/** All reviews of an alert, oldest first. */
export const readReviews = (db: Kysely<DB>, alertId: string) =>
  db
    .selectFrom('watchpost.alert_review')
    .select(['id', 'decision', 'dismissal', 'reviewer', 'note', 'undoes', 'created_at'])
    .where('alert_id', '=', alertId)
    .orderBy('id')
    .execute();

/** The notifications of an alert, with state and number of attempts. */
export const readNotifications = (db: Kysely<DB>, alertId: string) =>
  db
    .selectFrom('watchpost.notification as n')
    .innerJoin('watchpost.endpoint as e', 'e.id', 'n.endpoint_id')
    .select((eb) => [
      'n.id',
      'e.name as endpoint',
      'n.state',
      'n.settled_at',
      eb
        .selectFrom('watchpost.delivery as d')
        .select((d) => d.cast<number>(d.fn.countAll(), 'integer').as('attempts'))
        .whereRef('d.notification_id', '=', 'n.id')
        .as('attempts'),
    ])
    .where('n.alert_id', '=', alertId)
    .orderBy('n.id')
    .execute();
