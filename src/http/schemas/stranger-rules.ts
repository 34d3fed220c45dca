import { z } from 'zod';
import { weekdays } from '../../schedule.ts';
import { count, id, page, path, severity, text, time } from './fields.ts';

export const strangerRule = z
  .strictObject({
    id,
    name: text,
    site: text,
    severity,
    cameras: z.array(id).nullable().meta({ description: 'Null: all of the site.' }),
    known_on: z
      .array(id)
      .nullable()
      .meta({ description: 'Whoever matches on one of these lists is known. Null: on any list.' }),
    days: weekdays.nullable().meta({ description: '1 is Monday; null: every day.' }),
    hours: z.strictObject({ from: text, until: text }).nullable(),
    time_zone: text,
    min_looks: count,
    min_quality: z.number().min(0),
    wait_seconds: z.number().min(0),
    visits: count.nullable().meta({ description: 'Null: it is about everybody unknown.' }),
    within_seconds: z.number().positive(),
    enabled: z.boolean(),
    created_at: time,
  })
  .meta({ id: 'StrangerRule' });

export const strangerRulePage = page('rules', strangerRule);

export const strangerAlert = z
  .strictObject({
    id,
    kind: z.enum(['unknown.seen', 'stranger.returned']),
    rule_id: id,
    rule: text,
    severity,
    camera: text.nullable(),
    location: text.nullable(),
    seen_at: time,
    ended_at: time.nullable().meta({ description: 'When the track ended, or how far it has come.' }),
    raised_at: time,
    visits: count.nullable(),
    stranger_id: id.nullable(),
    track_id: id.nullable(),
    image_id: id.nullable(),
    face_id: id.nullable().meta({ description: 'Null: it was deleted, as the retention says.' }),
    crop: path.nullable(),
    acknowledged_at: time.nullable(),
    acknowledged_by: text.nullable(),
    decision: z.enum(['confirmed', 'dismissed']).nullable(),
    decided_at: time.nullable(),
    decided_by: text.nullable(),
    note: text.nullable().meta({ description: 'Of the latest decision.' }),
    person_id: id.nullable().meta({ description: 'Whom the stranger was enrolled as since.' }),
    person: text.nullable(),
  })
  .meta({ id: 'StrangerAlert' });

export const strangerAlertPage = page('alerts', strangerAlert);
