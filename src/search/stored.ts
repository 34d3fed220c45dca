import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { type Model, probesOf } from './people.ts';
import type { SeenFace } from './see.ts';

/** A face of a stored photo that is like one of the photo that is searched with. */
export interface PastFace {
  /** Of the face it is like, counted from 1 in the order of the faces that were given. */
  readonly place: number;
  readonly face_id: string;
  readonly image_id: string;
  /** Cosine, -1 to 1. */
  readonly similarity: number;
  readonly seen_at: Date;
  readonly camera: string | null;
  readonly location: string | null;
  /** Who it was found to be; null: nobody. */
  readonly person_id: string | null;
  readonly person: string | null;
  /** Whose group it is in; null: nobody's, or strangers are not grouped. */
  readonly stranger_id: string | null;
}

/** A stranger with a face that is like one of the photo. */
export interface NearStranger {
  readonly place: number;
  readonly stranger_id: string;
  /** Of their nearest face. */
  readonly similarity: number;
  readonly faces: number;
  readonly first_seen: Date;
  readonly last_seen: Date;
  readonly nearest_face_id: string;
}

/** Which stored faces count. */
interface Reach {
  /** The least cosine. */
  readonly similarity: number;
  /** Results for each face. */
  readonly most: number;
}

/**
 * The faces of stored photos that are like these, most similar first. Reads every vector of the model.
 *
 * @param reach.since only photos taken at this time or later.
 */
export const searchPastFaces = async (
  db: Kysely<DB>,
  model: Model,
  faces: readonly SeenFace[],
  reach: Reach & { readonly since?: string | undefined },
): Promise<PastFace[]> => {
  const { rows } = await sql<PastFace>`
    select *
    from watchpost.search_past_faces(
      ${probesOf(model, faces)}, ${reach.similarity}::real, ${reach.most}::integer, ${reach.since ?? null}::timestamptz
    )
  `.execute(db);
  return rows;
};

/** The strangers who are like these faces, most similar first; none where strangers are not grouped. */
export const searchStrangers = async (
  db: Kysely<DB>,
  model: Model,
  faces: readonly SeenFace[],
  reach: Reach,
): Promise<NearStranger[]> => {
  const { rows } = await sql<NearStranger>`
    select *
    from watchpost.search_strangers(${probesOf(model, faces)}, ${reach.similarity}::real, ${reach.most}::integer)
  `.execute(db);
  return rows;
};

/**
 * The cosine of each face with the enrolled face of a photo of somebody.
 *
 * @returns in the order of the faces; empty if the photo is not enrolled, or not to be seen.
 */
export const compareWithPhoto = async (
  db: Kysely<DB>,
  model: Model,
  faces: readonly SeenFace[],
  photoId: string,
): Promise<number[]> => {
  const { rows } = await sql<{ similarity: number }>`
    select similarity from watchpost.compare_with_photo(${probesOf(model, faces)}, ${photoId}::uuid) order by place
  `.execute(db);
  return rows.map(({ similarity }) => similarity);
};
