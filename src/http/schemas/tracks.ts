import { z } from 'zod';
import { searchOutcomes } from '../../watchlist/registry.ts';
import { count, id, path, similarity, text, time } from './fields.ts';

export const track = z
  .strictObject({
    id,
    camera_id: id,
    camera: text.nullable(),
    location: text.nullable(),
    zone: text.nullable(),
    began_at: time,
    ended_at: time.meta({ description: 'When it was seen last so far.' }),
    faces: count,
    looks: count.meta({ description: 'Those of its faces that are good enough to be compared.' }),
    face_id: id.nullable().meta({ description: 'The face that stands for it; null: there was no good one.' }),
    image_id: id.nullable(),
    decision: z.enum(searchOutcomes).nullable().meta({
      description: 'Of its latest search; null: it was not searched, or that is not kept any more.',
    }),
    person_id: id.nullable().meta({ description: 'Whom it is matched with.' }),
    person: text.nullable(),
    watchlist: text.nullable(),
    similarity: similarity.nullable().meta({ description: 'Of its fused vector to the nearest person.' }),
    alert_id: id.nullable(),
  })
  .meta({ id: 'Track' });

export const trackReport = track
  .extend({
    views: z
      .array(
        z.strictObject({
          face_id: id,
          image_id: id,
          captured_at: time,
          quality: z.number().min(0).meta({ description: '0: too poor to be compared.' }),
          fused: z.boolean().meta({ description: 'It is one of the best, which are fused.' }),
          crop_url: path,
        }),
      )
      .meta({
        description:
          'Its faces, the first one first; of a long track about 100 of them. GET /v1/faces?track= has all.',
      }),
  })
  .meta({ id: 'TrackReport' });
