import { CompiledQuery, type Kysely } from 'kysely';
import { forgetDataKeys, siteOfCamera, toStored } from '../database/at-rest.ts';
import type { Database } from '../database/pool.ts';
import type { DB } from '../database/types.generated.ts';

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
  /** The trace that its processing belongs to; see image.traceparent. */
  readonly traceparent?: string | undefined;
  /** The database as the API key sees it for whom it is submitted; default: the whole database. */
  readonly seenBy?: Kysely<DB> | undefined;
}

/** A photo that was submitted. */
export interface SubmittedPhoto {
  /** Of the image. */
  readonly id: string;
  /** It was submitted before, with this idempotency key. */
  readonly known: boolean;
}

/**
 * Writes a photo in a transaction of its own, and with it the event `image.received`, from which everything else follows.
 *
 * @returns the image, which may be there already.
 * @throws database errors that toWatchpostError translates: camera_unknown, camera_required, idempotency_key_reused,
 *   time_invalid.
 */
export const submitPhoto = async (database: Database, photo: NewPhoto): Promise<SubmittedPhoto> => {
  try {
    return await insertPhoto(database, photo);
  } catch (error) {
    if ((error as { code?: unknown }).code !== keyDestroyed) throw error;
    // Since this process has last asked for the key of the site: another one is made.
    forgetDataKeys();
    return insertPhoto(database, photo);
  }
};

/** SQLSTATE of a photo that is encrypted by a key that was destroyed. */
const keyDestroyed = 'WP092';

interface Row {
  readonly received: { readonly image_id: string; readonly known: boolean };
}

const insertPhoto = async ({ pool, db }: Database, photo: NewPhoto): Promise<SubmittedPhoto> => {
  const values = [
    await toStored(db, photo.bytes, siteOfCamera(photo.seenBy ?? db, photo.camera)),
    photo.camera ?? null,
    photo.capturedAt ?? null,
    photo.idempotencyKey ?? null,
    photo.submittedBy ?? null,
    photo.requestId ?? null,
    photo.traceparent ?? null,
  ];
  // A function in FROM would be called before the settings are made.
  const text = `select set_config('watchpost.request_id', $6, true), set_config('watchpost.traceparent', $7, true), to_jsonb(watchpost.receive_image($1, $2, $3, $4, $5)) as received`;
  const { rows } = await (photo.seenBy === undefined
    ? pool.query<Row>(text, values)
    : photo.seenBy.executeQuery<Row>(CompiledQuery.raw(text, values)));
  const { image_id: id, known } = (rows[0] as Row).received;
  return { id, known };
};
