import { z } from 'zod';
import { id, page, text, time } from './fields.ts';

export const event = z
  .strictObject({
    id,
    topic: text.meta({ description: 'For example image.received, alert.raised, person.changed.' }),
    subject_id: id.meta({ description: 'The row that it is about: an image, an alert, a person.' }),
    image_id: id.nullable(),
    payload: z.record(z.string(), z.unknown()),
    erased: z.boolean().meta({ description: 'Whether what it said about a person was erased.' }),
    created_at: time,
  })
  .meta({ id: 'Event' });

export const eventPage = page('events', event);
