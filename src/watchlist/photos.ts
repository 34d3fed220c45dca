import { type Kysely, sql } from 'kysely';
import { siteOfPerson, toStored } from '../database/at-rest.ts';
import type { DB } from '../database/types.generated.ts';

/** Photos of people, by the functions in sql/4-people/add-photos.sql and sql/4-people/change-photos.sql. */

/**
 * Submits a photo that enrols a person; the stages detect, embed and enrol process it.
 *
 * @param photo.chosenFace counted from 1, left to right.
 * @param photo.accept codes of the enrolment gate that are accepted.
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
      ${photo.personId}, ${await toStored(db, photo.bytes, siteOfPerson(db, photo.personId))},
      ${photo.chosenFace ?? null}::smallint,
      ${photo.submittedBy ?? null}, ${photo.accept ?? []}::text[]
    )
  `.execute(db);
  return rows[0] as { person_photo_id: string; image_id: string };
};

/**
 * Enrols a face that was found in any photo, without processing the photo again.
 *
 * @returns the person_photo's id; the existing one if the face is already their photo.
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
 * Removes a photo and withdraws the matches that depend on it.
 *
 * @returns false if it was already removed.
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
 * Removes a photo and enrols another face of it instead.
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
 * Accepts codes of the enrolment gate for a photo.
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
