import type { Context } from 'hono';
import { z } from 'zod';
import { WatchpostError } from '../../errors.ts';
import { inspectPhoto } from '../../intake/index.ts';
import { parseAs } from '../body.ts';
import type { Compatible } from '../compatibility.ts';
import { readParts } from '../photo-body.ts';
import type { Served } from '../services.ts';

/** The parameters of DeepFace's calls, in JSON or in a form, where every value is text. */

const yesOrNo = z
  .union([z.boolean(), z.enum(['true', 'false', 'True', 'False'])], 'give true or false')
  .transform((given) => String(given).toLowerCase() === 'true');
const number = z.union(
  [
    z.number(),
    z
      .string()
      .regex(/^\d{1,3}(\.\d{1,20})?$/)
      .transform(Number),
  ],
  'give a number',
);

/** Which model, detector or alignment is wanted: there are one model and one detector here, which the answer names. */
const chosenElsewhere = {
  model_name: z.string().optional(),
  detector_backend: z.string().optional(),
  align: yesOrNo.optional(),
  expand_percentage: number.optional(),
  normalization: z.string().optional(),
  silent: yesOrNo.optional(),
};

const shared = {
  ...chosenElsewhere,
  enforce_detection: yesOrNo.default(true),
  // To take no notice of it would pass off a photo of a photo as a live face.
  anti_spoofing: yesOrNo
    .default(false)
    .refine((asked) => !asked, 'a photo of a photo cannot be told from a live face here: leave it out'),
};

export const represented = z.strictObject({ ...shared, max_faces: number.nullish() });
export const verified = z.strictObject({
  ...shared,
  distance_metric: z
    .enum(['cosine', 'euclidean', 'euclidean_l2'], 'give cosine, euclidean or euclidean_l2')
    .default('cosine'),
  threshold: number.nullish(),
});

/** What DeepFace estimates. */
const actions = ['age', 'gender', 'emotion', 'race'] as const;
const listed = z
  .string()
  .transform((list) => list.replace(/[^a-z,]/g, '').split(','))
  .pipe(z.array(z.enum(actions)));
export const analyzed = z.strictObject({
  ...shared,
  actions: z
    .union([z.array(z.enum(actions)), listed], `give some of ${actions.join(', ')}`)
    .default([...actions]),
});

/**
 * Reads the photos of a call and its parameters.
 *
 * @param names of the photos; each may also be in the field of its former name, which ends in `_path`.
 * @throws {WatchpostError} as readParts; body_invalid also for a path or a URL, which are not read.
 */
export const readCall = async <Name extends string, Fields>(
  c: Context<Served>,
  { config }: Compatible,
  names: readonly Name[],
  schema: z.ZodType<Fields>,
): Promise<{ photos: Record<Name, Buffer>; fields: Fields }> => {
  const either = names.flatMap((name) => [name, `${name}_path`]);
  const { photos, fields } = await readParts(c, either, config.maxBodyBytes, names.length);
  const found = Object.fromEntries(
    names.map((name) => [name, photos.get(name) ?? photos.get(`${name}_path`)]),
  ) as Record<Name, Buffer | undefined>;
  for (const name of names) {
    const photo = found[name];
    if (!photo?.length) throw new WatchpostError('body_invalid', `'${name}' not found in the request.`);
    if (photo.length > config.maxBodyBytes) {
      throw new WatchpostError('body_too_large', `'${name}' is larger than a photo may be here.`);
    }
    await inspectPhoto(photo, { maxPixels: config.maxPixels });
  }
  return { photos: found as Record<Name, Buffer>, fields: parseAs(schema, fields) };
};
