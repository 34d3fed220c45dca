import { z } from 'zod';
import { count, id, share, similarity, text, time } from './fields.ts';
import { faceQuality, placeOfFace } from './images.ts';

const photo = {
  format: z.enum(['jpeg', 'png', 'webp', 'avif', 'heic']),
  width: count,
  height: count,
  damaged: z.boolean(),
  undecoded_share: share.nullable(),
  faces_left_out: count.meta({ description: 'Smaller faces beyond the limit.' }),
};

const seenFace = z.strictObject({
  ...placeOfFace,
  quality: faceQuality.extend({ norm: z.number() }),
});

const pastFace = z.strictObject({
  face_id: id,
  image_id: id,
  similarity,
  seen_at: time,
  camera: text.nullable(),
  location: text.nullable(),
  person_id: id.nullable(),
  person: text.nullable().meta({ description: 'Who it was found to be.' }),
  stranger_id: id.nullable(),
});

const nearStranger = z.strictObject({
  stranger_id: id,
  similarity,
  faces: count,
  first_seen: time,
  last_seen: time,
  nearest_face_id: id,
});

const match = z.strictObject({
  person_id: id,
  person: text,
  watchlist_id: id,
  watchlist: text,
  similarity,
  threshold: similarity,
});

const nearPerson = z.strictObject({
  person_id: id,
  person: text,
  external_ref: text.nullable(),
  similarity,
  reference_similarity: similarity,
  reference_face_id: id.nullable().meta({ description: 'GET /v1/faces/{id}/crop shows it.' }),
  ruled_out: z.boolean(),
  watchlists: z.array(z.strictObject({ id, name: text, threshold: similarity, reached: z.boolean() })),
});

export const photoSearch = z
  .strictObject({
    ...photo,
    watchlists: z.array(id).meta({ description: 'The lists that were searched.' }),
    faces: z.array(
      seenFace.extend({
        outcome: z
          .enum(['match', 'gated', 'few_looks', 'below_threshold', 'nobody', 'outranked', 'cannot_link'])
          .meta({ description: 'What the pipeline would have decided on this face.' }),
        matches: z.array(match),
        people: z.array(nearPerson).meta({ description: 'The most similar people, matches or not.' }),
        past: z.array(pastFace).optional(),
        strangers: z.array(nearStranger).optional(),
      }),
    ),
  })
  .meta({ id: 'PhotoSearch' });

const pair = z.strictObject({ face: count, other_face: count, similarity });
const comparedPhoto = z.strictObject({ ...photo, faces: z.array(seenFace) });

export const photoComparison = z
  .strictObject({
    match: z.boolean(),
    outcome: z.enum(['match', 'gated', 'below_threshold', 'no_face']),
    threshold: similarity,
    best: pair.nullable(),
    pairs: z.array(pair).meta({ description: 'Every face with every face, most similar first.' }),
    image: comparedPhoto,
    other: comparedPhoto,
  })
  .meta({ id: 'PhotoComparison' });

const refusal = z.strictObject({ code: text, message: text });

export const photoFaces = z
  .strictObject({
    ...photo,
    enrolment: refusal
      .nullable()
      .meta({ description: 'Why the photo enrols nobody unless a face is chosen; null: it has one face.' }),
    faces: z.array(
      seenFace.extend({
        refusals: z.array(refusal).meta({ description: 'Why this face would not be enrolled.' }),
      }),
    ),
  })
  .meta({ id: 'PhotoFaces' });
