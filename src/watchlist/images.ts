import { type Kysely, type NotNull, sql } from 'kysely';
import { fromStored } from '../database/at-rest.ts';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import type { Page } from '../fields.ts';
import type { Rotation } from '../vision/index.ts';
import { recordAccess } from './access.ts';
import { findCamera } from './cameras.ts';

/** The states of a photo: see watchpost.image_status. */
export const imageStates = ['received', 'processing', 'done', 'failed'] as const;

/** Conditions for a list of photos. */
export interface ImageFilter {
  /** Name or id, also of one that was removed. */
  readonly camera?: string | undefined;
  /** Taken at this time or later, and before that one. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly state?: (typeof imageStates)[number] | undefined;
}

/**
 * A page of the photos that meet a filter, those taken last first.
 *
 * The state of a photo follows from its events, which takes 0.2 ms. So a list of photos that are done asks from the latest on
 * until the page is full, and one of another state begins at what is unfinished or was given up.
 *
 * @param wanted.after the id of a photo.
 * @throws {WatchpostError} image_unknown if that one is gone: then the list is to be read from its beginning;
 *   camera_unknown by SQLSTATE.
 */
export const listImages = async (db: Kysely<DB>, wanted: ImageFilter & Page) => {
  const { state, since, until, after, limit } = wanted;
  if (after !== undefined) await assertThere(db, after);
  const camera =
    wanted.camera === undefined ? undefined : await findCamera(db, wanted.camera, { orRemoved: true });
  const isRare = state !== undefined && state !== 'done';
  const photos = db
    .selectFrom('watchpost.image as i')
    .select(['i.id', 'i.captured_at', 'i.format', 'i.width', 'i.height', 'i.byte_length'])
    .select(sql<boolean>`i.bytes is not null`.as('has_photo'))
    .$if(camera !== undefined, (q) => q.where('i.camera_id', '=', camera as string))
    .$if(since !== undefined, (q) => q.where('i.captured_at', '>=', new Date(since as string)))
    .$if(until !== undefined, (q) => q.where('i.captured_at', '<', new Date(until as string)))
    .$if(after !== undefined, (q) =>
      q.where(
        sql<boolean>`(i.captured_at, i.id) < (
          select b.captured_at, b.id from watchpost.image as b where b.id = ${after}
        )`,
      ),
    )
    .$if(isRare, (q) =>
      q.where(
        sql<boolean>`i.id = any (array(select * from watchpost.images_not_done(${state === 'failed'})))`,
      ),
    )
    .orderBy('i.captured_at', 'desc')
    .orderBy('i.id', 'desc')
    // Without a state, a page of photos is a page of the list.
    .$if(state === undefined, (q) => q.limit(limit));
  return (
    db
      // Materialized, so that those of a rare state are sorted before their state is asked for, one by one.
      .with(
        (cte) => (isRare ? cte('i').materialized() : cte('i')),
        () => photos,
      )
      .selectFrom('i')
      .innerJoinLateral(
        (eb) =>
          eb
            .selectFrom('watchpost.image_status as s')
            .selectAll()
            .whereRef('s.image_id', '=', 'i.id')
            .offset(0)
            .as('s'),
        (join) => join.onTrue(),
      )
      .select(['i.id', 's.state', 's.code', 's.message', 's.purpose', 's.camera', 's.captured_at'])
      .select(['s.received_at', 's.finished_at', 's.faces', 's.matches', 's.alerts', 's.damaged'])
      .select(['i.format', 'i.width', 'i.height', 'i.byte_length', 'i.has_photo'])
      .$if(state !== undefined, (q) => q.where('s.state', '=', state as string))
      .orderBy('i.captured_at', 'desc')
      .orderBy('i.id', 'desc')
      .limit(limit)
      .$narrowType<{
        state: NotNull;
        purpose: NotNull;
        captured_at: NotNull;
        received_at: NotNull;
        faces: NotNull;
        matches: NotNull;
        alerts: NotNull;
      }>()
      .execute()
  );
};

const assertThere = async (db: Kysely<DB>, id: string): Promise<void> => {
  const found = await db.selectFrom('watchpost.image').select('id').where('id', '=', id).executeTakeFirst();
  if (!found) throw new WatchpostError('image_unknown', `There is no image ${id}.`);
};

/**
 * Reads a photo as it was submitted, with the degrees by which it is turned, and records that somebody looks at it.
 *
 * @param db a transaction in which the caller is set.
 * @throws {WatchpostError} image_unknown; image_bytes_gone if the photo was dropped; what fromStored throws. Then nothing is
 *   recorded.
 */
export const lookAtPhoto = async (
  db: Kysely<DB>,
  id: string,
  { reason, details }: { reason?: string | undefined; details?: Record<string, unknown> } = {},
): Promise<{ bytes: Buffer; rotation: Rotation }> => {
  const image = await db
    .selectFrom('watchpost.image')
    .select(['bytes', 'rotation'])
    .where('id', '=', id)
    .executeTakeFirst();
  if (!image) throw new WatchpostError('image_unknown', `There is no image ${id}.`);
  if (!image.bytes) {
    throw new WatchpostError('image_bytes_gone', 'The bytes of this photo were dropped.', {
      hint: 'What was found in it stays: GET /v1/images/{id}.',
    });
  }
  const bytes = await fromStored(db, image.bytes);
  await recordAccess(db, { action: 'photo', subject: { kind: 'image', id }, reason, details });
  return { bytes, rotation: image.rotation as Rotation };
};

/** A face to be marked in a photo: its box in pixels, and who it is. */
interface Mark {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Name and similarity of a match, or the name of whom the face enrols; null: nobody. */
  readonly label: string | null;
}

/** The faces of a photo, from left to right. */
export const readMarks = async (db: Kysely<DB>, imageId: string): Promise<Mark[]> => {
  const { rows } = await sql<Mark>`
    select
      f.box_x as x, f.box_y as y, f.box_width as width, f.box_height as height,
      coalesce(
        (
          select p.name || ' ' || round(m.similarity::numeric, 2)
          from watchpost.match as m
          join watchpost.person as p on p.id = m.person_id
          where m.face_id = coalesce(t.face_id, f.id) and m.superseded_at is null
          order by m.similarity desc
          limit 1
        ),
        (
          select p.name
          from watchpost.embedding as e
          join watchpost.reference as r on r.embedding_id = e.id and r.superseded_at is null
          join watchpost.person as p on p.id = r.person_id
          where e.face_id = f.id
          limit 1
        )
      ) as label
    from watchpost.face as f
    left join watchpost.track as t on t.id = f.track_id
    where f.image_id = ${imageId}::uuid and f.superseded_at is null
    order by f.ordinal
  `.execute(db);
  return rows;
};
