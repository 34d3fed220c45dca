import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import type { Rotation } from '../vision/index.ts';

/** What an alert rests on: its sightings, where each comes from, and what its similarity means. */

/** How often a stranger is as similar as somebody was; both null where nothing was measured for the model. */
interface Chance {
  /** Share of strangers at this similarity or above, 0 to 1, against a list of this size. */
  readonly false_positive_rate: number | null;
  /** For example "1 in 300 strangers". */
  readonly in_words: string | null;
}

/** What the similarity of an alert means against its list, by the latest calibration of the model that found it. */
export const readChance = async (db: Kysely<DB>, alertId: string): Promise<Chance> => {
  const { rows } = await sql<{ rate: number; at_most: boolean }>`
    select f.rate, f.at_most
    from watchpost.alert as a
    join watchpost.match as m on m.id = a.best_match_id
    left join watchpost.reference as r on r.id = m.reference_id
    cross join lateral watchpost.false_positive_rate(
      m.similarity,
      (select count(*)::integer from watchpost.watchlist_entry as e where e.watchlist_id = a.watchlist_id),
      r.model_id
    ) as f
    where a.id = ${alertId}
  `.execute(db);
  const [measured] = rows;
  if (!measured) return { false_positive_rate: null, in_words: null };
  return { false_positive_rate: measured.rate, in_words: chanceInWords(measured.rate, measured.at_most) };
};

/**
 * A share of strangers in words, rounded to two digits.
 *
 * @param atMost whether the share is a bound, of which it is known only that it is less.
 */
export const chanceInWords = (rate: number, atMost: boolean): string => {
  const among = Number((1 / Math.max(rate, 1e-9)).toPrecision(2));
  if (among < 1.5) return 'nearly every stranger';
  return `${atMost ? 'fewer than ' : ''}1 in ${Math.round(among).toLocaleString('en-US')} strangers`;
};

/** The sightings of an alert, also withdrawn ones (`stands` is false): the latest thousand, oldest first. */
export const readAlertMatches = async (db: Kysely<DB>, alertId: string) => {
  const latest = await db
    .selectFrom('watchpost.alert_match as am')
    .innerJoin('watchpost.match as m', 'm.id', 'am.match_id')
    .innerJoin('watchpost.face as f', 'f.id', 'm.face_id')
    .innerJoin('watchpost.image as i', 'i.id', 'f.image_id')
    .leftJoin('watchpost.track as t', 't.id', 'f.track_id')
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
      't.id as track_id',
      sql<Date>`coalesce(t.began_at, i.captured_at)`.as('seen_at'),
      sql<Date>`coalesce(t.ended_at, i.captured_at)`.as('seen_until'),
      sql<number>`coalesce(t.faces, 1)`.as('faces'),
      'k.name as camera',
      'k.location',
      eb('m.superseded_at', 'is', null).$castTo<boolean>().as('stands'),
    ])
    .where('am.alert_id', '=', alertId)
    .orderBy('i.captured_at', 'desc')
    .orderBy('m.id', 'desc')
    .limit(1000)
    .execute();
  return latest.reverse();
};

/** The full origin of an alert, of its latest thousand sightings, oldest first; see sql/6-record/lineage.sql. */
export const readLineage = async (db: Kysely<DB>, alertId: string) => {
  const { rows } = await sql<Lineage>`
    select * from watchpost.lineage(${alertId}) order by captured_at desc, match_id desc limit 1000
  `.execute(db);
  return rows.reverse();
};

/** A row of watchpost.lineage(). Null: not from a known camera, or the search or the reference is not kept any more. */
export interface Lineage {
  readonly alert_id: string;
  readonly alert_state: string;
  readonly raised_at: Date;
  readonly match_id: string;
  readonly best: boolean;
  readonly matched_at: Date;
  readonly similarity: number;
  readonly retroactive: boolean;
  readonly watchlist: string;
  readonly watchlist_version: number | null;
  readonly threshold: number;
  readonly search_id: string | null;
  readonly searched_at: Date | null;
  readonly method: string | null;
  readonly reference_similarity: number | null;
  readonly person_id: string;
  readonly person: string;
  readonly reference_id: string | null;
  readonly reference_image_id: string | null;
  readonly reference_image_sha256: string | null;
  readonly reference_face: number | null;
  readonly reference_face_id: string | null;
  readonly enrolled_at: Date | null;
  readonly enrolled_by: string | null;
  readonly embedding_id: string | null;
  readonly model_id: string | null;
  readonly model_sha256: string | null;
  readonly face_id: string;
  readonly detector_id: string;
  readonly detector_sha256: string;
  readonly box_x: number;
  readonly box_y: number;
  readonly box_width: number;
  readonly box_height: number;
  readonly image_id: string;
  readonly image_sha256: string;
  readonly image_rotation: Rotation;
  readonly captured_at: Date;
  readonly received_at: Date;
  readonly submitted_by: string;
  readonly camera: string | null;
  readonly location: string | null;
  readonly image_damaged: boolean;
  readonly reference_image_damaged: boolean;
  readonly track_id: string | null;
  readonly seen_at: Date;
  readonly seen_until: Date;
  readonly faces: number;
}
