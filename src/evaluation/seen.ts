import type { Database } from '../database/pool.ts';

/** A face that the pipeline found, with its search and its alerts. */
export interface SeenFace {
  readonly face_id: string;
  readonly image_id: string;
  readonly ordinal: number;
  readonly height_px: number;
  readonly sharpness: number;
  /** Degrees. */
  readonly yaw: number;
  readonly norm: number | null;
  /** Why it may not alert, as its search has it; null: it was not searched. */
  readonly gate: string[] | null;
  readonly outcome: string | null;
  /** Person that its search found nearest, and the similarity. */
  readonly nearest: string | null;
  readonly similarity: number | null;
  /** Names of standing alerts that it is part of. */
  readonly alerted: string[];
}

/** The result of a photo. */
export interface SeenImage {
  readonly state: string;
  readonly code: string | null;
  readonly message: string | null;
  readonly faces: readonly SeenFace[];
}

/** Reads the results of these images from the rows, by id. */
export const readSeen = async (
  { pool }: Database,
  imageIds: readonly string[],
): Promise<Map<string, SeenImage>> => {
  const { rows: images } = await pool.query<Omit<SeenImage, 'faces'> & { image_id: string }>(
    'select image_id, state, code, message from watchpost.image_status where image_id = any ($1::uuid[])',
    [imageIds],
  );
  const { rows: faces } = await pool.query<SeenFace>(
    `select
       f.id as face_id, f.image_id, f.ordinal, f.height_px, f.sharpness, f.yaw, e.norm,
       s.gate, s.outcome, p.name as nearest, s.similarity,
       array(
         select distinct n.name
         from watchpost.match as m
         join watchpost.alert_match as am on am.match_id = m.id
         join watchpost.alert as a on a.id = am.alert_id and a.withdrawn_at is null
         join watchpost.person as n on n.id = a.person_id
         where m.face_id = f.id and m.superseded_at is null
         order by n.name
       ) as alerted
     from watchpost.face as f
     left join watchpost.embedding as e on e.face_id = f.id and e.superseded_at is null
     left join lateral (
       select s.*
       from watchpost.search as s
       where s.embedding_id = e.id and s.superseded_at is null
       order by s.id desc
       limit 1
     ) as s on true
     left join watchpost.person as p on p.id = s.person_id
     where f.image_id = any ($1::uuid[]) and f.superseded_at is null
     order by f.image_id, f.ordinal`,
    [imageIds],
  );
  const facesOf = Map.groupBy(faces, (face) => face.image_id);
  return new Map(
    images.map((image) => [image.image_id, { ...image, faces: facesOf.get(image.image_id) ?? [] }]),
  );
};

/**
 * The face of an image that is most similar to an enrolled person, and its similarity.
 * Null: the image has no face, or the person no reference.
 */
export const mostSimilarFace = async (
  { pool }: Database,
  imageId: string,
  person: string,
): Promise<{ face_id: string; similarity: number } | null> => {
  const { rows } = await pool.query<{ face_id: string; similarity: number }>(
    `select f.id as face_id, watchpost.similarity(e.vector, v.vector) as similarity
     from watchpost.face as f
     join watchpost.embedding as e on e.face_id = f.id and e.superseded_at is null
     join watchpost.person_vector as v on v.model_id = e.model_id
     join watchpost.person as p on p.id = v.person_id and p.external_ref = $2
     where f.image_id = $1 and f.superseded_at is null
     order by similarity desc
     limit 1`,
    [imageId, person],
  );
  return rows[0] ?? null;
};
