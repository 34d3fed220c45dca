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
  /** Of the call that brings it, for its event. */
  readonly requestId?: string | undefined;
}

/**
 * Writes a photo in a transaction of its own, and with it the event `image.received`, from which everything else follows.
 *
 * @returns the id of the image.
 * @throws database errors that toWatchpostError translates: camera_unknown, idempotency_key_reused, time_invalid.
 */
export const submitPhoto = async ({ pool }: Database, photo: NewPhoto): Promise<string> => {
  const { rows } = await pool.query<{ id: string }>(
    `select set_config('watchpost.request_id', $6, true), watchpost.submit_image($1, $2, $3, $4, $5) as id`,
    [
      photo.bytes,
      photo.camera ?? null,
      photo.capturedAt ?? null,
      photo.idempotencyKey ?? null,
      photo.submittedBy ?? null,
      photo.requestId ?? null,
    ],
  );
  return (rows[0] as { id: string }).id;
};
