import { z } from 'zod';
import { count, id, page, path, text, time } from './fields.ts';

export const strangerPage = page(
  'strangers',
  z
    .strictObject({
      id,
      visits: count,
      faces: count,
      first_seen: time,
      last_seen: time,
      cameras: z.array(text),
      best_face_id: id,
      crop: path,
    })
    .meta({ id: 'Stranger' }),
);

export const strangerReport = z
  .strictObject({
    id,
    person_id: id.nullable(),
    person: text.nullable(),
    named_at: time.nullable(),
    named_by: text.nullable(),
    created_at: time,
    faces: z.array(
      z.strictObject({
        face_id: id,
        image_id: id,
        seen_at: time,
        visit: count,
        camera: text.nullable(),
        location: text.nullable(),
        crop: path,
      }),
    ),
  })
  .meta({ id: 'StrangerReport' });

export const enrolledStranger = z.strictObject({ person_id: id });
