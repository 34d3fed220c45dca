import { z } from 'zod';
import { name, whole } from '../../fields.ts';

/** The parameters of CompreFace's calls, which are in the query. Those that are not known are refused. */

/** Plugins that are not there, like mask, are left out, as CompreFace leaves out those that are not configured. */
const plugins = z
  .string()
  .default('')
  .transform((list) => new Set(list.split(',').map((slug) => slug.trim())));

const probability = z
  .string()
  .regex(/^(0(\.\d{1,20})?|1(\.0{1,20})?)$/, 'give a number from 0 to 1')
  .transform(Number);

const shared = {
  limit: whole(0, 1000).default(0),
  // The default of CompreFace.
  det_prob_threshold: probability.default(0.8),
  face_plugins: plugins,
  status: z.enum(['true', 'false'], 'give true or false').default('false'),
};

const withPlugins = <Fields extends { face_plugins: Set<string>; status: 'true' | 'false' }>({
  face_plugins,
  status,
  ...fields
}: Fields) => ({ ...fields, plugins: face_plugins, status: status === 'true' });

/** Of detection and verification. */
export const detection = z.strictObject(shared).transform(withPlugins);
/** Of recognition. */
export const recognition = z
  .strictObject({
    ...shared,
    prediction_count: whole(1, 50).default(1),
    // Faces are always searched for: without the eyes a crop cannot be aligned.
    detect_faces: z.enum(['true'], 'only true is possible here').optional(),
  })
  .transform(withPlugins);
/** Of a new example. */
export const example = z.strictObject({ subject: name, det_prob_threshold: probability.optional() });
/** Of a list of examples. */
export const examplePage = z.strictObject({
  subject: name.optional(),
  page: whole(0, 1_000_000).default(0),
  size: whole(1, 1000).default(20),
});
export const ofSubject = z.strictObject({ subject: name.optional() });
/** The body of a new subject, or of a new name. */
export const subjectBody = z.strictObject({ subject: name });

/** What a call asks of the faces in a photo. */
export type Wanted = z.output<typeof detection>;
