import { type Kysely, type NotNull, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import type { Page } from '../fields.ts';

/** Alerts about people who are on no list, which rules lead to: sql/5-alerts/stranger-alerts.sql. */

/** Which of them; a condition that is left out restricts nothing. */
interface StrangerAlertFilter {
  /** Id of a rule. */
  readonly rule?: string | undefined;
  /** Id of a camera. */
  readonly camera?: string | undefined;
  /** Seen since then. */
  readonly since?: string | undefined;
  /** Only those that nobody has acknowledged. */
  readonly open?: boolean | undefined;
}

/** A page of them, those seen last first; `after` is the id of one. */
export const readStrangerAlerts = (
  db: Kysely<DB>,
  { rule, camera, since, open }: StrangerAlertFilter,
  { after, limit }: Page,
) =>
  selected(db)
    .$if(rule !== undefined, (q) => q.where('rule_id', '=', rule as string))
    .$if(camera !== undefined, (q) => q.where('camera_id', '=', camera as string))
    .$if(since !== undefined, (q) => q.where('seen_at', '>=', sql<Date>`${since}::timestamptz`))
    .$if(open === true, (q) => q.where('acknowledged_at', 'is', null))
    .$if(after !== undefined, (q) =>
      q.where(
        sql<boolean>`(seen_at, stranger_alert_id) < (
          select a.seen_at, a.id from watchpost.stranger_alert as a where a.id = ${after}
        )`,
      ),
    )
    .orderBy('seen_at', 'desc')
    .orderBy('stranger_alert_id', 'desc')
    .limit(limit)
    .execute();

/**
 * Notes in the name of whoever acts that an alert was looked at; nothing if it was before.
 *
 * @throws {WatchpostError} by SQLSTATE: stranger_alert_unknown.
 */
export const acknowledgeStrangerAlert = async (db: Kysely<DB>, id: string) => {
  await sql`select watchpost.acknowledge_stranger_alert(${id})`.execute(db);
  return selected(db).where('stranger_alert_id', '=', id).executeTakeFirstOrThrow();
};

/** What may become of one. */
export type StrangerDecision = 'confirmed' | 'dismissed' | 'reopened';

/**
 * Decides in the name of whoever acts what became of an alert, or opens it again.
 *
 * @throws {WatchpostError} by SQLSTATE: stranger_alert_unknown; transition_invalid: it is decided already, or open.
 */
export const reviewStrangerAlert = async (
  db: Kysely<DB>,
  id: string,
  decision: StrangerDecision,
  note?: string | undefined,
) => {
  await sql`select watchpost.review_stranger_alert(${id}, ${decision}, ${note ?? null})`.execute(db);
  return selected(db).where('stranger_alert_id', '=', id).executeTakeFirstOrThrow();
};

const selected = (db: Kysely<DB>) =>
  db
    .selectFrom('watchpost.stranger_alert_detail')
    .select([
      'stranger_alert_id as id',
      sql<'unknown.seen' | 'stranger.returned'>`kind`.as('kind'),
      'rule_id',
      'rule',
      sql<'info' | 'warning' | 'critical'>`severity`.as('severity'),
      'camera',
      'location',
      'seen_at',
      'ended_at',
      'raised_at',
      'visits',
      'stranger_id',
      'track_id',
      'image_id',
      'face_id',
      'acknowledged_at',
      'acknowledged_by',
      sql<'confirmed' | 'dismissed' | null>`decision`.as('decision'),
      'decided_at',
      'decided_by',
      'note',
      'person_id',
      'person',
    ])
    .$narrowType<{
      id: NotNull;
      rule_id: NotNull;
      rule: NotNull;
      seen_at: NotNull;
      raised_at: NotNull;
    }>();
