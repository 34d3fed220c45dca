import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';

/** Photos of people, all by functions of sql/4-people/add-photos.sql and sql/4-people/change-photos.sql; their errors are told by SQLSTATE. */

/**
 * Hands in a photo to enrol a person; detect, embed and enrol take it from there.
 *
 * @param photo.chosenFace counted from 1, left to right.
 * @param photo.accept codes of the gate that are let pass.
 * @throws {WatchpostError} by SQLSTATE: person_unknown, body_empty.
 */
export const addPersonPhoto = async (
  { db }: { readonly db: Kysely<DB> },
  photo: {
    personId: string;
    bytes: Uint8Array;
    chosenFace?: number | undefined;
    submittedBy?: string | undefined;
    accept?: readonly string[] | undefined;
  },
): Promise<{ person_photo_id: string; image_id: string }> => {
  const { rows } = await sql<{ person_photo_id: string; image_id: string }>`
    select *
    from watchpost.add_person_photo(
      ${photo.personId}, ${Buffer.from(photo.bytes)}, ${photo.chosenFace ?? null}::smallint,
      ${photo.submittedBy ?? null}, ${photo.accept ?? []}::text[]
    )
  `.execute(db);
  return rows[0] as { person_photo_id: string; image_id: string };
};

/**
 * Makes a face that was found in any photo a photo of a person, without looking at it again.
 *
 * @returns the person_photo's id; the same one if the face is their photo already.
 * @throws {WatchpostError} by SQLSTATE: person_unknown, face_unknown, face_taken.
 */
export const enrolFace = async (
  db: Kysely<DB>,
  personId: string,
  faceId: string,
  accept: readonly string[] = [],
): Promise<string> => {
  const { rows } = await sql<{ id: string }>`
    select watchpost.enrol_face(${personId}, ${faceId}, ${accept}::text[]) as id
  `.execute(db);
  return (rows[0] as { id: string }).id;
};

/**
 * Takes a photo back, with the matches that rested on it.
 *
 * @returns whether it had not been taken back before.
 * @throws {WatchpostError} by SQLSTATE: photo_unknown.
 */
export const removePhoto = async (
  db: Kysely<DB>,
  photoId: string,
  reason: string | null,
): Promise<boolean> => {
  const { rows } = await sql<{ removed: boolean }>`
    select watchpost.remove_photo(${photoId}, ${reason}) as removed
  `.execute(db);
  return (rows[0] as { removed: boolean }).removed;
};

/**
 * Takes a photo back and enrols another face of it instead.
 *
 * @returns the new person_photo's id.
 * @throws {WatchpostError} by SQLSTATE: photo_unknown, photo_removed, face_unknown, face_taken.
 */
export const correctPhoto = async (
  db: Kysely<DB>,
  photoId: string,
  chosenFace: number,
  reason?: string,
): Promise<string> => {
  const { rows } = await sql<{ id: string }>`
    select watchpost.correct_photo(
      ${photoId}, ${chosenFace}::smallint, coalesce(${reason ?? null}, 'another face was meant')
    ) as id
  `.execute(db);
  return (rows[0] as { id: string }).id;
};

/**
 * Lets a photo pass although these codes of the gate spoke against it.
 *
 * @throws {WatchpostError} by SQLSTATE: photo_unknown, photo_removed.
 */
export const acceptPhoto = async (
  db: Kysely<DB>,
  photoId: string,
  accept: readonly string[],
): Promise<void> => {
  await sql`select watchpost.accept_photo(${photoId}, ${accept}::text[])`.execute(db);
};
