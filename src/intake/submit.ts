import type { Database } from '../database/pool.ts';

/** A photo to be searched for faces. */
export interface NewPhoto {
  /** A photo file, inspected by inspectPhoto or readPhotoFile. */
  readonly bytes: Buffer;
  /** Name or id of the camera; none: of no place. */
  readonly camera?: string | undefined;
  /** When it was taken, in ISO 8601 if a text; default: now. */
  readonly capturedAt?: string | Date | undefined;
  /** The same key of the same submitter gives the same image. */
  readonly idempotencyKey?: string | undefined;
  /** `api:NAME` for an API key; default: the database role of this connection. */
  readonly submittedBy?: string | undefined;
  /** Id of an API key that is bound to cameras: the photo has to be of one of them. */
  readonly boundKey?: string | undefined;
}

/**
 * Writes a photo in a transaction of its own, and with it the event `image.received`, from which everything else follows.
 *
 * @returns the id of the image.
 * @throws database errors that toWatchpostError translates: camera_unknown, camera_required, idempotency_key_reused,
 *   time_invalid.
 */
export const submitPhoto = async ({ pool }: Database, photo: NewPhoto): Promise<string> => {
  const values = [
    photo.bytes,
    photo.camera ?? null,
    photo.capturedAt ?? null,
    photo.idempotencyKey ?? null,
    photo.submittedBy ?? null,
  ];
  const { rows } = await (photo.boundKey === undefined
    ? pool.query<{ id: string }>('select watchpost.submit_image($1, $2, $3, $4, $5) as id', values)
    : // The subquery is volatile, so it runs before what is selected from it.
      pool.query<{ id: string }>(
        `select watchpost.submit_image($1, $2, $3, $4, $5) as id
         from (select set_config('watchpost.key', $6, true)) as bound`,
        [...values, photo.boundKey],
      ));
  return (rows[0] as { id: string }).id;
};
