import { sql } from 'kysely';
import { z } from 'zod';
import { anyOf } from '../database/any-of.ts';
import { isDatabaseAway } from '../database-errors.ts';
import { WatchpostError } from '../errors.ts';
import { assertFit, assertStanding } from '../watchlist/enrolment.ts';
import type { Replayable, Stage } from './stage.ts';

const payload = z.object({ person_photo_id: z.uuid(), embedding_id: z.uuid() });
type Payload = z.infer<typeof payload>;

/**
 * photo.embedded -> reference: enrols the chosen face of a person's photo, if it is a good enough view, similar to
 * the person's other photos, and not similar to anybody else who is enrolled.
 */
export const enrol: Stage<Payload, null> & Replayable<Payload, null> = {
  task: 'enrol',
  payload,

  async work(items, { database, vision }) {
    const rows = await database.db
      .selectFrom('watchpost.embedding as e')
      .innerJoin('watchpost.face as f', 'f.id', 'e.face_id')
      .select(['e.id', 'e.norm', 'f.gate', 'f.height_px', 'f.score', 'f.sharpness', 'f.yaw', 'f.pitch'])
      .where('e.id', '=', anyOf(items.map((item) => item.embedding_id)))
      .execute();
    const viewOf = new Map(rows.map((row) => [row.id, row]));
    const photos = await database.db
      .selectFrom('watchpost.person_photo')
      .select(['id', 'accept', 'removed_at'])
      .where('id', '=', anyOf(items.map((item) => item.person_photo_id)))
      .execute();
    const photoOf = new Map(photos.map((photo) => [photo.id, photo]));
    const { unlike, alike } = vision.embedder.enrolment;

    const settled = await Promise.allSettled(
      items.map(async (item) => {
        const view = viewOf.get(item.embedding_id);
        if (!view) throw new WatchpostError('row_missing', `The embedding ${item.embedding_id} is gone.`);
        const photo = photoOf.get(item.person_photo_id);
        assertStanding(photo);
        assertFit(view, { ...vision.limits, norm: vision.embedder.minimalNorm }, photo?.accept);
        // Checked here and again in `write`: here a refused photo fails alone, without the batch.
        await sql`
          select watchpost.assert_like_nobody_else(
            ${item.person_photo_id}, ${item.embedding_id}, ${unlike}::real, ${alike}::real
          )
        `.execute(database.db);
        return null;
      }),
    );
    // An outage of the database is not the failure of an item.
    for (const one of settled) if (one.status === 'rejected' && isDatabaseAway(one.reason)) throw one.reason;
    return settled;
  },

  write: {
    call: 'watchpost.write_references',
    parameters: (finished, { vision }) => [
      finished.map(({ item }) => item.event_id),
      finished.map(({ item }) => item.person_photo_id),
      finished.map(({ item }) => item.embedding_id),
      vision.embedder.enrolment.unlike,
      vision.embedder.enrolment.alike,
    ],
    // One photo is compared with 400,000 references in less than a second, and a batch has up to 64 photos.
    answerWithinMs: (photos) => 30_000 + 1_000 * photos,
  },

  async compare(db, finished) {
    const standing = await db
      .selectFrom('watchpost.reference')
      .select('embedding_id')
      .where('embedding_id', '=', anyOf(finished.map(({ item }) => item.embedding_id)))
      .where('superseded_at', 'is', null)
      .execute();
    const known = new Set(standing.map((row) => row.embedding_id));
    return finished.map(({ item }) => {
      const same = known.has(item.embedding_id);
      return { same, gained: same ? 0 : 1, lost: 0 };
    });
  },

  // Nothing to supersede: a reference is superseded together with its embedding.
  async supersede() {},
};
