import { type Kysely, sql } from 'kysely';
import type { Database } from '../database/pool.ts';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';

/** Alerts: queries and reviews. The rules are in the database, in sql/5-alerts/alert-reviews.sql. */

/** Conditions for a query of alerts. */
export interface AlertFilter {
  readonly state?: string | undefined;
  readonly person_id?: string | undefined;
  /** Name of the list. */
  readonly watchlist?: string | undefined;
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
] as const;

/** A query of the alerts that meet a filter, not ordered yet. */
export const selectAlerts = (db: Kysely<DB>, wanted: AlertFilter) =>
  db
    .selectFrom('watchpost.alert_detail as a')
    .select(columns)
    .$if(wanted.state !== undefined, (q) => q.where('a.state', '=', wanted.state as string))
    // Withdrawn alerts need no review.
    .$if(wanted.state === 'open' || wanted.state === 'acknowledged', (q) =>
      q.where('a.withdrawn_at', 'is', null),
    )
    .$if(wanted.person_id !== undefined, (q) => q.where('a.person_id', '=', wanted.person_id as string))
    .$if(wanted.watchlist !== undefined, (q) => q.where('a.watchlist', '=', wanted.watchlist as string))
    .$if(wanted.min_severity !== undefined, (q) =>
      q.where(
        sql<boolean>`watchpost.severity_rank(a.severity) >= watchpost.severity_rank(${wanted.min_severity})`,
      ),
    )
    .$if(wanted.since !== undefined, (q) => q.where('a.last_seen', '>=', new Date(wanted.since as string)));

/** The decisions of a reviewer. */
export const decisions = ['acknowledge', 'confirm', 'dismiss', 'reopen'] as const;
type Review = (typeof decisions)[number];

/** Why an alert may be dismissed. */
export const dismissals = ['not_them', 'false_alarm', 'resolved', 'other'] as const;

/**
 * Reviews an alert as the caller of this transaction.
 *
 * @param review.dismissal the reason, for `dismiss`: one of `dismissals`.
 * @returns the alert after the review.
 * @throws {WatchpostError} by SQLSTATE: alert_unknown, transition_invalid, reviewer_repeated, dismissal_invalid.
 */
export const reviewAlert = async (
  db: Kysely<DB>,
  alertId: string,
  review: { decision: Review; note?: string | undefined; dismissal?: string | undefined },
) => {
  const name = sql.ref(`watchpost.${review.decision}`);
  const note = review.note ?? null;
  await (review.decision === 'dismiss'
    ? sql`select ${name}(${alertId}, ${review.dismissal ?? null}, ${note})`
    : sql`select ${name}(${alertId}, ${note})`
  ).execute(db);
  return readAlert(db, alertId);
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
    .executeTakeFirst();
  if (!alert) throw new WatchpostError('alert_unknown', `There is no alert ${alertId}.`);
  return alert;
};

/** All reviews of an alert, oldest first. */
export const readReviews = (db: Kysely<DB>, alertId: string) =>
  db
    .selectFrom('watchpost.alert_review')
    .select(['id', 'decision', 'dismissal', 'reviewer', 'note', 'created_at'])
    .where('alert_id', '=', alertId)
    .orderBy('id')
    .execute();

/** The sightings of an alert, also withdrawn ones (`stands` is false): the latest thousand, oldest first. */
export const readAlertMatches = async (db: Kysely<DB>, alertId: string) => {
  const latest = await db
    .selectFrom('watchpost.alert_match as am')
    .innerJoin('watchpost.match as m', 'm.id', 'am.match_id')
    .innerJoin('watchpost.face as f', 'f.id', 'm.face_id')
    .innerJoin('watchpost.image as i', 'i.id', 'f.image_id')
    .leftJoin('watchpost.camera_place as k', (join) =>
      join.onRef('k.camera_id', '=', 'i.camera_id').on(sql<boolean>`k.during @> i.captured_at`),
    )
    .select((eb) => [
      'm.id',
      'm.face_id',
      'f.image_id',
      'm.similarity',
      'm.threshold',
      'i.captured_at',
      'k.name as camera',
      'k.location',
      eb('m.superseded_at', 'is', null).as('stands'),
    ])
    .where('am.alert_id', '=', alertId)
    .orderBy('i.captured_at', 'desc')
    .orderBy('m.id', 'desc')
    .limit(1000)
    .execute();
  return latest.reverse();
};

/** The full origin of an alert; see sql/6-record/lineage.sql. */
export const readLineage = async ({ pool }: Database, alertId: string) =>
  (await pool.query('select * from watchpost.lineage($1)', [alertId])).rows;

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
