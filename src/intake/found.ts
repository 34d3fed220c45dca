import type { Database } from '../database/pool.ts';

/** Somebody who was found in a photo. */
export interface Found {
  readonly person: string;
  readonly watchlist: string;
  /** Cosine of the face and the person, at most 1. */
  readonly similarity: number;
  /** The alert that the match raised or belongs to; null if it raised none. */
  readonly alert_id: string | null;
}

/** Who was found in a photo that is done: one row for each match, the most similar first. */
export const readFound = async ({ pool }: Database, imageId: string): Promise<Found[]> => {
  const { rows } = await pool.query<Found>(
    `select s.person, s.watchlist, s.similarity, s.alert_id
     from watchpost.sighting as s
     where s.image_id = $1
     order by s.similarity desc, s.person, s.watchlist`,
    [imageId],
  );
  return rows;
};
