import { readFile } from 'node:fs/promises';
import { type Kysely, sql } from 'kysely';
import { fromStored, siteOfPerson, toStored } from '../database/at-rest.ts';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import type { CannotLink, FaceOfLink } from './manifest.ts';

/** Who is not whom, to and from an export. */

/** A cannot_link as the database has it. */
export interface StoredLink extends Omit<CannotLink, 'person' | 'other_person' | 'face'> {
  readonly person_id: string;
  readonly other_person_id: string | null;
  readonly face: (Omit<FaceOfLink, 'crop'> & { crop: Buffer }) | null;
}

/** All links, oldest first. */
export const readLinks = async (db: Kysely<DB>): Promise<StoredLink[]> => {
  const { rows } = await sql<Omit<StoredLink, 'face'> & { face: FaceOfLink | null; crop: Buffer | null }>`
    select
      c.person_id, c.other_person_id, c.reason, c.created_by, to_jsonb(c.created_at) #>> '{}' as created_at, f.crop,
      case when f.id is not null then jsonb_build_object(
        'captured_at', i.captured_at, 'detector_id', f.detector_id, 'box_x', f.box_x, 'box_y', f.box_y,
        'box_width', f.box_width, 'box_height', f.box_height, 'points', f.points, 'score', f.score,
        'height_px', f.height_px, 'sharpness', f.sharpness, 'yaw', f.yaw, 'pitch', f.pitch, 'roll', f.roll, 'gate', f.gate
      ) end as face
    from watchpost.cannot_link as c
    left join watchpost.face as f on f.id = c.face_id
    left join watchpost.image as i on i.id = f.image_id
    order by c.id
  `.execute(db);
  return Promise.all(
    rows.map(async ({ crop, face, ...link }) => ({
      ...link,
      face: face && crop ? { ...face, crop: await fromStored(db, crop) } : null,
    })),
  );
};

/** Writes that two are two people; does nothing if that is known. */
export const linkPeople = async (
  trx: Kysely<DB>,
  link: CannotLink,
  personId: string,
  otherId: string,
): Promise<void> => {
  await trx
    .insertInto('watchpost.cannot_link')
    .values({
      person_id: personId,
      other_person_id: otherId,
      reason: link.reason,
      created_by: link.created_by,
      created_at: link.created_at,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
};

/**
 * Writes that a face is not a person; does nothing if that is known. The photo that it was seen in is not part of an
 * export: the aligned crop takes its place, as a photo that is not searched. A worker embeds it.
 *
 * @param crop path of the crop.
 * @throws {WatchpostError} model_missing if no detector is registered. Errors of the file system.
 */
export const linkFace = async (
  trx: Kysely<DB>,
  link: CannotLink & { face: FaceOfLink },
  personId: string,
  crop: string,
): Promise<void> => {
  const bytes = await readFile(crop);
  const known = await trx
    .selectFrom('watchpost.cannot_link as c')
    .innerJoin('watchpost.face as f', 'f.id', 'c.face_id')
    .select('c.id')
    .where('c.person_id', '=', personId)
    .where(sql<boolean>`watchpost.plain_sha256(f.crop) = sha256(${bytes})`)
    .executeTakeFirst();
  if (known) return;
  const { crop: _, captured_at, detector_id, ...columns } = link.face;
  const site = await siteOfPerson(trx, personId)();
  const stored = await toStored(trx, bytes, () => site);
  const image = await trx
    .insertInto('watchpost.image')
    .values({ purpose: 'reference', bytes: stored, captured_at, site_id: site } as never)
    .returning('id')
    .executeTakeFirstOrThrow();
  const face = await trx
    .insertInto('watchpost.face')
    .values({
      ...columns,
      image_id: image.id,
      detector_id: await detectorLike(trx, detector_id),
      ordinal: 1,
      crop: stored,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  await trx
    .insertInto('watchpost.cannot_link')
    .values({
      person_id: personId,
      face_id: face.id,
      reason: link.reason,
      created_by: link.created_by,
      created_at: link.created_at,
    })
    .execute();
};

/** The detector of this id, else the one that is used here. */
const detectorLike = async (trx: Kysely<DB>, wanted: string): Promise<string> => {
  const { rows } = await sql<{ id: string }>`
    select m.id from watchpost.model as m where m.role = 'detector' order by m.id = ${wanted} desc, m.opened_at desc limit 1
  `.execute(trx);
  const [detector] = rows;
  if (detector) return detector.id;
  throw new WatchpostError(
    'model_missing',
    'No worker has run on this database, so no face can be added: start one, and import again.',
  );
};
