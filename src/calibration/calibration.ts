import { type Kysely, sql } from 'kysely';
import type pg from 'pg';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import type { Page } from '../fields.ts';

/** The head of a measured curve: a row of `calibration`. */
export interface Calibration {
  readonly id: string;
  readonly model_id: string;
  readonly source: string;
  /** People in the gallery, and their photos. */
  readonly people: number;
  readonly photos: number;
  /** Searches that should have found their person, and searches that should have matched nobody. */
  readonly probes: number;
  readonly strangers: number;
  /** Whether only some of the photos were searched. */
  readonly sampled: boolean;
  readonly command: string;
  readonly created_by: string;
  readonly created_at: Date;
}

/** A point of the curve; rates 0..1. */
export interface CurvePoint {
  readonly threshold: number;
  readonly false_positives: number;
  readonly hits: number;
  readonly wrong_names: number;
  /** Share of strangers taken for somebody. */
  readonly fpir: number;
  /** Share of known people who were named right; null: there were none with two photos. */
  readonly hit_rate: number | null;
}

/** The threshold for a rate: the least one whose measured rate is not higher. */
export interface Recommendation extends CurvePoint {
  readonly target_fpir: number;
  /** Upper bound of the true fpir, at 95% confidence. */
  readonly fpir_at_most: number;
}

/** How many strangers it takes to measure a rate: one of them is this share. As `watchpost.strangers_needed`. */
export const strangersNeeded = (targetFpir: number): number => Math.ceil(1 / targetFpir);

/** A query without time limit: comparing ten thousand photos takes longer than the 30 s of the pool. */
export const patient = (text: string, values: unknown[] = []): pg.QueryConfig =>
  ({ text, values, query_timeout: 2 ** 31 - 1 }) as pg.QueryConfig;

/** A page of the curves, latest first, after the id of one. */
export const readCalibrations = async (db: Kysely<DB>, { after, limit }: Page): Promise<Calibration[]> => {
  const from = after ?? null;
  const { rows } = await sql<Calibration>`
    select * from watchpost.calibration
    where ${from}::uuid is null or id < ${from}::uuid
    order by id desc
    limit ${limit}
  `.execute(db);
  return rows;
};

/**
 * @param id undefined: the latest one.
 * @throws {WatchpostError} calibration_unknown.
 */
export const readCurve = async (
  db: Kysely<DB>,
  id?: string,
): Promise<{ calibration: Calibration; points: CurvePoint[] }> => {
  const asked = id ?? null;
  const { rows: heads } = await sql<Calibration>`
    select * from watchpost.calibration
    where ${asked}::uuid is null or id = ${asked}::uuid
    order by id desc
    limit 1
  `.execute(db);
  const [calibration] = heads;
  if (!calibration) {
    throw new WatchpostError(
      'calibration_unknown',
      id === undefined ? 'Nothing has been measured yet.' : `There is no calibration ${id}.`,
    );
  }
  const { rows: points } = await sql<CurvePoint>`
    select threshold, false_positives, hits, wrong_names, fpir, hit_rate
    from watchpost.calibration_point
    where calibration_id = ${calibration.id}
    order by threshold
  `.execute(db);
  return { calibration, points };
};

/**
 * The least threshold of this curve whose rate is not higher than this one; null if there is none, or if there were
 * fewer strangers than the rate takes: of a few strangers none may reach even a low threshold.
 */
export const recommend = async (
  db: Kysely<DB>,
  calibrationId: string,
  targetFpir: number,
): Promise<Recommendation | null> => {
  const { rows } = await sql<Recommendation>`
    select
      p.threshold, p.false_positives, p.hits, p.wrong_names, p.fpir, p.hit_rate,
      ${targetFpir}::real as target_fpir,
      watchpost.rate_at_most(p.false_positives, c.strangers) as fpir_at_most
    from watchpost.calibration as c
    join watchpost.calibration_point as p on p.calibration_id = c.id
    where c.id = ${calibrationId}
      and p.fpir <= ${targetFpir}::real
      and c.strangers >= watchpost.strangers_needed(${targetFpir}::real)
    order by p.threshold
    limit 1
  `.execute(db);
  return rows[0] ?? null;
};
