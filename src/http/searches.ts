import { Hono } from 'hono';
import { z } from 'zod';
import { flag, listOf, moment, searchWord, whole } from '../fields.ts';
import { inspectPhoto } from '../intake/index.ts';
import { comparePhotos, detectInPhoto, leastSimilarity, searchByPhoto, type Turns } from '../search/index.ts';
import { faceRanges } from '../vision/types.ts';
import { accessReason } from './access-reason.ts';
import { askedBy } from './asked.ts';
import { operation } from './operation.ts';
import { readPhotoBody, readPhotos } from './photo-body.ts';
import { photoComparison, photoFaces, photoSearch } from './schemas/search.ts';
import type { Served, Services } from './services.ts';

// Forms and queries have text only.
const cosine = z
  .string()
  .regex(/^(0(\.\d{1,20})?|1(\.0{1,20})?)$/, 'give a number from 0 to 1')
  .transform(Number);
const faces = z.enum(faceRanges).optional().meta({ description: 'How small the faces may be.' });

const searchFields = z.strictObject({
  watchlists: z
    .string()
    .transform((list) => list.split(',').filter(Boolean))
    .pipe(listOf(searchWord).min(1, 'give a name or an id'))
    .optional()
    .meta({ description: 'Names or ids of lists, with commas between them; default: every active list.' }),
  past: flag.optional().meta({ description: 'Also search among the faces of stored photos.' }),
  since: moment.optional().meta({ description: 'With past: only photos taken at this time or later.' }),
  strangers: flag.optional().meta({ description: 'Also search among strangers.' }),
  similarity: cosine
    // Below, hardly a stranger is left out, and sorting a million of them takes minutes.
    .refine((given) => given >= leastSimilarity, `give a number from ${leastSimilarity} to 1`)
    .optional()
    .meta({
      description: 'Least similarity of past faces and strangers; default: the threshold of the model.',
    }),
  most: whole(1, 50).optional().meta({ description: 'Results of each kind for each face; default 5.' }),
  faces,
});
const compareFields = z.strictObject({
  threshold: cosine.optional().meta({ description: 'Default: the threshold of the model.' }),
  faces,
});
const detectFields = z.strictObject({ faces });

/**
 * POST /v1/search, /v1/compare and /v1/detect: photos that are not stored.
 *
 * @param turns bounds the photos that this process looks at.
 */
export const searches = ({ config, vision }: Services, turns: Turns) =>
  new Hono<Served>()
    .post(
      '/search',
      operation({
        summary: 'Search for everybody in a photo, which is not stored',
        description:
          'Answers at once, with what the pipeline would decide on each face. A row of the record of accesses is all that is kept.',
        scope: 'read',
        photo: searchFields,
        headers: accessReason,
        answers: { 200: photoSearch },
        errors: ['watchlist_unknown', 'search_busy'],
      }),
      async (c) => {
        const asked = askedBy(c);
        const { bytes, fields } = await readPhotoBody(c, config.maxBodyBytes, searchFields);
        await inspectPhoto(bytes, { maxPixels: config.maxPixels });
        return c.json(await turns.take(() => searchByPhoto(vision, bytes, fields, asked)));
      },
    )

    .post(
      '/compare',
      operation({
        summary: 'Compare the faces of two photos, which are not stored',
        scope: 'read',
        photo: compareFields,
        photos: ['image', 'other'],
        headers: accessReason,
        answers: { 200: photoComparison },
        errors: ['search_busy'],
      }),
      async (c) => {
        const asked = askedBy(c);
        const { photos, fields } = await readPhotos(
          c,
          ['image', 'other'],
          config.maxBodyBytes,
          compareFields,
        );
        await inspectPhoto(photos.image, { maxPixels: config.maxPixels });
        await inspectPhoto(photos.other, { maxPixels: config.maxPixels });
        return c.json(await turns.take(() => comparePhotos(vision, photos, fields, asked)));
      },
    )

    .post(
      '/detect',
      operation({
        summary: 'Find the faces of a photo, which is not stored',
        description: 'With landmarks and quality, and why a face would not be enrolled.',
        scope: 'read',
        photo: detectFields,
        headers: accessReason,
        answers: { 200: photoFaces },
        errors: ['search_busy'],
      }),
      async (c) => {
        const asked = askedBy(c);
        const { bytes, fields } = await readPhotoBody(c, config.maxBodyBytes, detectFields);
        await inspectPhoto(bytes, { maxPixels: config.maxPixels });
        return c.json(await turns.take(() => detectInPhoto(vision, bytes, fields, asked)));
      },
    );
