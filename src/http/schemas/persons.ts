import { z } from 'zod';
import { legalBasisNames } from '../../legal-bases.ts';
import { count, id, page, similarity, text, time } from './fields.ts';
import { referenceQuality } from './images.ts';
import { planPoint } from './registers.ts';

export const person = z
  .strictObject({
    id,
    name: text,
    external_ref: text.nullable(),
    metadata: z.record(z.string(), z.unknown()),
    legal_basis: z.enum(legalBasisNames),
    keep_until: time
      .nullable()
      .meta({ description: 'When they are deleted; null: when somebody decides so.' }),
    created_at: time,
  })
  .meta({ id: 'Person' });

const watchlists = z.array(z.strictObject({ id, name: text }));

const bestPhoto = z
  .strictObject({ id, image_id: id, face_id: id })
  .nullable()
  .meta({ description: 'The photo that shows them best; null: none is enrolled.' });

export const personPage = page(
  'persons',
  person.extend({ watchlists, references: count, best_photo: bestPhoto }),
);

const where = {
  camera_id: id.nullable(),
  camera: text.nullable(),
  location: text.nullable(),
  zone: text.nullable(),
  plan: planPoint.nullable().meta({
    description: 'Null: the camera is on no plan, or was at another location then.',
  }),
};

const personSighting = z
  .strictObject({
    face_id: id,
    image_id: id,
    seen_at: time,
    seen_until: time.meta({ description: 'Of a track, when it was seen last; else as seen_at.' }),
    track_id: id.nullable().meta({ description: 'The track that it is of; null: of a single photo.' }),
    faces: count.meta({ description: 'Of the track; 1 of a single photo.' }),
    ...where,
    similarity,
    retroactive: z.boolean().meta({ description: 'It was found by searching past photos.' }),
    watchlists: z.array(z.strictObject({ id, name: text, threshold: similarity, alert_id: id.nullable() })),
  })
  .meta({ id: 'PersonSighting' });

export const personSightingPage = page('sightings', personSighting);

const stay = z
  .strictObject({
    ...where,
    from: time,
    to: time,
    sightings: count,
    similarity: similarity.meta({ description: 'Of the most similar sighting.' }),
  })
  .meta({ id: 'Stay' });

export const personPath = z.strictObject({ stays: z.array(stay) });

export const cannotLink = z
  .strictObject({
    id,
    face: z.strictObject({ id, image_id: id }).nullable(),
    person: z.strictObject({ id, name: text }).nullable(),
    alert_id: id.nullable().meta({ description: 'The alert that was dismissed with it.' }),
    reason: text.nullable(),
    created_by: text,
    created_at: time,
  })
  .meta({ id: 'CannotLink', description: 'Either face or person is not null.' });

export const cannotLinks = z.strictObject({ cannot_links: z.array(cannotLink) });

export const personPhoto = z
  .strictObject({
    id,
    image_id: id,
    chosen_face: count.nullable(),
    state: z.enum(['received', 'processing', 'enrolled', 'refused', 'removed']),
    code: text.nullable(),
    message: text.nullable(),
    looks_like: z.strictObject({ id, name: text.nullable() }).nullable(),
    reference_id: id.nullable(),
    best: z.boolean(),
    damaged: z.boolean().nullable(),
    face_id: id.nullable(),
    quality: referenceQuality.nullable(),
    accept: z.array(text),
    removed_at: time.nullable(),
    removed_by: text.nullable(),
  })
  .meta({ id: 'PersonPhoto' });

export const personPhotoPage = page('photos', personPhoto);

export const personReport = person
  .extend({
    watchlists,
    merged: z.array(
      z.strictObject({
        id,
        name: text,
        external_ref: text.nullable(),
        merged_at: time,
        merged_by: text,
        note: text.nullable(),
      }),
    ),
    photos: z.array(personPhoto),
  })
  .meta({ id: 'PersonReport' });

export const merge = z
  .strictObject({
    id,
    person_id: id.meta({ description: 'Who has everything of both.' }),
    merged_id: id,
    note: text.nullable(),
    merged_by: text,
    merged_at: time,
    moved: z.record(z.string(), count).meta({ description: 'How many rows of each table were changed.' }),
  })
  .meta({ id: 'Merge' });

export const mergeRecord = merge
  .extend({
    person: text,
    merged: text,
    undone_at: time.nullable(),
    undone_by: text.nullable(),
    undo_note: text.nullable(),
  })
  .meta({ id: 'MergeRecord' });

export const addedPhoto = z
  .strictObject({ id, image_id: id, status_url: z.url() })
  .meta({ id: 'AddedPhoto' });

export const addedFace = z.strictObject({ id, status_url: z.url() }).meta({ id: 'AddedFace' });

export const changedPhoto = z.strictObject({ id });
