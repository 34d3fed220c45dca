import { sql } from 'kysely';
import pg from 'pg';
import { fromStored, isEncrypted, isEncrypting, toStored } from '../database/at-rest.ts';
import { copyOut } from '../database/copy-out.ts';
import type { Database } from '../database/pool.ts';
import type { FaceRange } from '../vision/index.ts';

/** A stored photo. */
export interface StoredPhoto {
  /** The file as submitted; null if it was dropped. */
  readonly bytes: Buffer | null;
  readonly siteId: string;
  readonly capturedAt: Date;
  /** The camera, if its frames are compared with each other, and from which difference on they are searched. */
  readonly camera: { readonly id: string; readonly stillDifference: number } | undefined;
  /** The setting of its camera; `automatic` without a camera, `near` for a photo that enrols somebody. */
  readonly faces: FaceRange;
  /** The row of `person_photo`; undefined if no id was given, or the row is gone. */
  readonly personPhoto:
    | { readonly chosen_face: number | null; readonly removed_at: string | null }
    | undefined;
}

/**
 * Reads a photo.
 *
 * @param imageId a UUID.
 * @param personPhotoId the id of the row in `person_photo`, for a photo that enrols somebody.
 * @returns undefined if there is no such image.
 */
export const readStoredPhoto = async (
  database: Database,
  imageId: string,
  personPhotoId: string | null = null,
): Promise<StoredPhoto | undefined> => {
  const [row] = await copyOut(
    database.pool,
    `select
       i.bytes,
       i.site_id::text,
       ${
         personPhotoId === null
           ? `(
                select json_build_object(
                  'id', k.id, 'faces', k.faces, 'difference', case when k.frames_per_second > 0 then k.still_difference end
                )
                from watchpost.camera as k
                where k.id = i.camera_id
              )`
           : `json_build_object('faces', 'near')`
       },
       i.captured_at::text,
       (
         select json_build_object('chosen_face', p.chosen_face, 'removed_at', p.removed_at)
         from watchpost.person_photo as p
         where p.id = ${personPhotoId === null ? 'null' : pg.escapeLiteral(personPhotoId)}
       )
     from watchpost.image as i
     where i.id = ${pg.escapeLiteral(imageId)}`,
  );
  if (!row) return undefined;
  const [stored = null, site, camera, capturedAt, personPhoto] = row;
  const siteId = String(site);
  const { id, faces = 'automatic', difference } = camera ? JSON.parse(camera.toString()) : {};
  return {
    bytes: stored && (await openPhoto(database, imageId, siteId, stored)),
    siteId,
    capturedAt: new Date(String(capturedAt)),
    camera: typeof difference === 'number' ? { id, stillDifference: difference } : undefined,
    faces,
    personPhoto: personPhoto ? JSON.parse(personPhoto.toString()) : undefined,
  };
};

/** A photo that was inserted by SQL comes as it is, and is encrypted when it is first read. */
const openPhoto = async (
  { db }: Database,
  imageId: string,
  siteId: string,
  stored: Buffer,
): Promise<Buffer> => {
  if (isEncrypted(stored)) return fromStored(db, stored);
  if (isEncrypting())
    await sql`
      select watchpost.encrypt_image(${imageId}::uuid, ${await toStored(db, stored, () => siteId)})
    `.execute(db);
  return stored;
};
