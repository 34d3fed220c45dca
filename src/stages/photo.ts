import { sql } from 'kysely';
import pg from 'pg';
import { fromStored, isEncrypted, isEncrypting, toStored } from '../database/at-rest.ts';
import { copyOut } from '../database/copy-out.ts';
import type { Database } from '../database/pool.ts';
import type { FaceRange, Rotation } from '../vision/index.ts';

/** A stored photo. */
export interface StoredPhoto {
  /** The file as submitted; null if it was dropped. */
  readonly bytes: Buffer | null;
  readonly siteId: string;
  readonly capturedAt: Date;
  /** By which it is turned on top of its EXIF orientation. */
  readonly rotation: Rotation;
  /** The camera, if it has a frame rate. */
  readonly camera: FrameCamera | undefined;
  /** The setting of its camera; `automatic` without a camera, `near` for a photo that enrols somebody. */
  readonly faces: FaceRange;
  /** The row of `person_photo`; undefined if no id was given, or the row is gone. */
  readonly personPhoto:
    | { readonly chosen_face: number | null; readonly removed_at: string | null }
    | undefined;
}

/** A camera that sends frames at a rate. */
interface FrameCamera {
  readonly id: string;
  /** From which difference on its frames are searched; null: each is. */
  readonly stillDifference: number | null;
  /** Null: nobody knows how it is mounted. */
  readonly rotation: Rotation | null;
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
                  'faces', k.faces,
                  'camera', case when k.frames_per_second > 0 then json_build_object(
                    'id', k.id, 'stillDifference', k.still_difference, 'rotation', k.rotation
                  ) end
                )
                from watchpost.camera as k
                where k.id = i.camera_id
              )`
           : `json_build_object('faces', 'near')`
       },
       i.captured_at::text,
       i.rotation::text,
       (
         select json_build_object('chosen_face', p.chosen_face, 'removed_at', p.removed_at)
         from watchpost.person_photo as p
         where p.id = ${personPhotoId === null ? 'null' : pg.escapeLiteral(personPhotoId)}
       )
     from watchpost.image as i
     where i.id = ${pg.escapeLiteral(imageId)}`,
  );
  if (!row) return undefined;
  const [stored = null, site, settings, capturedAt, rotation, personPhoto] = row;
  const siteId = String(site);
  const { faces = 'automatic', camera } = settings ? JSON.parse(settings.toString()) : {};
  return {
    bytes: stored && (await openPhoto(database, imageId, siteId, stored)),
    siteId,
    capturedAt: new Date(String(capturedAt)),
    rotation: Number(rotation) as Rotation,
    camera: camera ?? undefined,
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
