import { z } from 'zod';
import { dismissals } from '../../watchlist/alerts.ts';
import { sounds } from '../../watchlist/registry.ts';
import {
  color,
  count,
  id,
  page,
  rotation,
  severity,
  sha256,
  share,
  similarity,
  text,
  time,
} from './fields.ts';

const states = ['open', 'acknowledged', 'confirmed', 'dismissed'] as const;

const alert = z
  .strictObject({
    id,
    person_id: id,
    person: text,
    watchlist: text,
    severity,
    state: z.enum(states),
    awaiting: text.nullable().meta({
      description: 'Whom it waits for, when one of two reviewers has confirmed it.',
    }),
    similarity,
    threshold: similarity,
    camera: text.nullable(),
    location: text.nullable(),
    zone: text.nullable(),
    first_seen: time,
    last_seen: time,
    sightings: count,
    image_id: id,
    face_id: id,
    retroactive: z.boolean().meta({ description: 'It was found by searching past photos.' }),
    withdrawn_at: time.nullable(),
    created_at: time,
    watchlist_id: id,
    camera_id: id.nullable(),
    color: color.nullable().meta({ description: 'Of the list; null: that of the severity.' }),
    sound: z.enum(sounds),
    must_acknowledge: z.boolean().meta({
      description: 'Of the list: an open alert stays in front until somebody has acknowledged or decided it.',
    }),
  })
  .meta({ id: 'Alert' });

export const alertPage = page('alerts', alert);

const reviewers = alert.extend({
  external_ref: text.nullable(),
  reviewers_needed: count,
  acknowledged_by: text.nullable(),
  acknowledged_at: time.nullable(),
  confirmed_by: text.nullable(),
  confirmed_at: time.nullable(),
  second_confirmed_by: text.nullable(),
  second_confirmed_at: time.nullable(),
  dismissed_by: text.nullable(),
  dismissed_at: time.nullable(),
  dismissal: z.enum(dismissals).nullable(),
});

export const reviewedAlert = reviewers
  .extend({
    review_id: id.nullable().meta({ description: 'What undo takes back; null after undo.' }),
  })
  .meta({ id: 'ReviewedAlert' });

const match = z.strictObject({
  id,
  face_id: id,
  image_id: id,
  similarity,
  threshold: similarity,
  captured_at: time,
  track_id: id.nullable().meta({ description: 'The track that it is of; null: of a single photo.' }),
  seen_at: time,
  seen_until: time.meta({ description: 'Of a track, when it was seen last; else as seen_at.' }),
  faces: count.meta({ description: 'Of the track; 1 of a single photo.' }),
  camera: text.nullable(),
  location: text.nullable(),
  stands: z.boolean().meta({ description: 'False: it was withdrawn.' }),
  crop_url: z.url(),
});

const review = z.strictObject({
  id,
  decision: z.enum(['acknowledged', 'confirmed', 'dismissed', 'reopened', 'undone']),
  dismissal: z.enum(dismissals).nullable(),
  reviewer: text,
  note: text.nullable(),
  undoes: id.nullable(),
  created_at: time,
});

const notification = z.strictObject({
  id,
  endpoint: text,
  state: z.enum(['due', 'delivered', 'expired', 'withdrawn', 'disabled', 'gone']),
  settled_at: time.nullable(),
  attempts: count,
});

// A search may have been retired and a reference removed: then what they say is null.
const lineage = z.strictObject({
  alert_id: id,
  alert_state: z.enum(states),
  raised_at: time,
  match_id: id,
  best: z.boolean(),
  matched_at: time,
  similarity,
  retroactive: z.boolean(),
  watchlist: text,
  watchlist_version: count.nullable(),
  threshold: similarity,
  search_id: id.nullable(),
  searched_at: time.nullable(),
  method: text.nullable(),
  reference_similarity: similarity.nullable(),
  person_id: id,
  person: text,
  reference_id: id.nullable(),
  reference_image_id: id.nullable(),
  reference_image_sha256: sha256.nullable(),
  reference_face: count.nullable(),
  reference_face_id: id.nullable(),
  enrolled_at: time.nullable(),
  enrolled_by: text.nullable(),
  embedding_id: id.nullable(),
  model_id: text.nullable(),
  model_sha256: sha256.nullable(),
  face_id: id,
  detector_id: text,
  detector_sha256: sha256,
  box_x: z.number(),
  box_y: z.number(),
  box_width: z.number(),
  box_height: z.number(),
  image_id: id,
  image_sha256: sha256,
  image_rotation: rotation,
  captured_at: time,
  received_at: time,
  submitted_by: text,
  camera: text.nullable(),
  location: text.nullable(),
  image_damaged: z.boolean(),
  reference_image_damaged: z.boolean(),
  track_id: id.nullable(),
  seen_at: time,
  seen_until: time,
  faces: count,
});

export const alertReport = reviewers
  .extend({
    false_positive_rate: share.nullable().meta({
      description:
        'Share of strangers of whom somebody on the list is at least as similar, by the latest calibration; null: there is none. Where none of those measured was, an upper bound.',
    }),
    in_words: text.nullable().meta({ description: 'The same, like "1 in 300 strangers".' }),
    matches: z.array(match),
    reviews: z.array(review),
    notifications: z.array(notification),
    lineage: z
      .array(lineage)
      .meta({ description: 'What each sighting was made of; see watchpost.lineage().' }),
  })
  .meta({ id: 'AlertReport' });
