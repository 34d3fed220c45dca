import pg from 'pg';
import { copyOut } from '../database/copy-out.ts';
import type { FaceRange } from '../vision/index.ts';

/** A photo as it is stored. */
export interface Photo {
  /** As it was handed in; null: it was dropped. */
  readonly bytes: Buffer | null;
  /** How small its faces are: as its camera has it, automatic without one, near where it is to enrol somebody. */
  readonly faces: FaceRange;
  /** What it is to enrol; undefined: it was not asked for, or is gone. */
  readonly choice: { readonly chosen_face: number | null; readonly removed_at: string | null } | undefined;
}

/**
 * Reads a photo, and what it is to enrol.
 *
 * @param imageId a UUID.
 * @param personPhotoId that of a row in `person_photo`.
 * @returns undefined: there is no such image.
 */
export const readPhoto = async (
  pool: pg.Pool,
  imageId: string,
  personPhotoId: string | null = null,
): Promise<Photo | undefined> => {
  const [row] = await copyOut(
    pool,
    `select
       i.bytes,
       ${
         personPhotoId === null
           ? `coalesce((select k.faces from watchpost.camera as k where k.id = i.camera_id), 'automatic')`
           : `'near'`
       },
       (
         select json_build_object('chosen_face', p.chosen_face, 'removed_at', p.removed_at)
         from watchpost.person_photo as p
         where p.id = ${personPhotoId === null ? 'null' : pg.escapeLiteral(personPhotoId)}
       )
     from watchpost.image as i
     where i.id = ${pg.escapeLiteral(imageId)}`,
  );
  if (!row) return undefined;
  const [bytes = null, faces, choice] = row;
  return {
    bytes,
    faces: String(faces) as FaceRange,
    choice: choice ? JSON.parse(choice.toString()) : undefined,
  };
};
