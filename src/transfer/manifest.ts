import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { name, storedTime, text, token } from '../fields.ts';

/** What an export has beside the people: the cameras, the lists, and who is not whom. */

export const manifestName = 'watchpost.json';

/** Increases when an older version could not read an export completely. */
export const manifestVersion = 1;

/** A row of a table as JSON, without its keys: see registers.ts. */
const row = z
  .object({ name })
  .catchall(z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.string())]));

/** A face that was seen and is not the person, with what is known of it: the columns of `face`. */
const face = z.strictObject({
  /** Of the aligned crop, relative to the manifest. */
  crop: z.string(),
  captured_at: storedTime,
  detector_id: z.string(),
  box_x: z.number(),
  box_y: z.number(),
  box_width: z.number(),
  box_height: z.number(),
  points: z.array(z.number()),
  score: z.number(),
  height_px: z.number(),
  sharpness: z.number(),
  yaw: z.number(),
  pitch: z.number(),
  roll: z.number(),
  gate: z.array(z.string()),
});

/** The name of a person's folder. */
const key = z.string().normalize('NFC');

const cannotLink = z
  .strictObject({
    person: key,
    other_person: key.optional(),
    face: face.optional(),
    reason: text.nullable(),
    created_by: token,
    created_at: storedTime,
  })
  .refine((link) => (link.other_person === undefined) !== (link.face === undefined), {
    error: 'give either other_person or face',
  });

const manifest = z.strictObject({
  format: z.literal('watchpost'),
  version: z.int().min(1),
  exported_at: storedTime,
  cameras: z.array(row),
  watchlists: z.array(row),
  cannot_links: z.array(cannotLink),
});

export type Manifest = z.infer<typeof manifest>;
export type RegisterRow = z.infer<typeof row>;
export type CannotLink = z.infer<typeof cannotLink>;
export type FaceOfLink = z.infer<typeof face>;

const versioned = z.looseObject({ format: z.literal('watchpost'), version: z.int().min(1) });

/**
 * @throws {WatchpostError} import_invalid for one that a later version has written. Errors of zod, JSON and the file system.
 */
export const readManifest = async (file: string): Promise<Manifest> => {
  const json: unknown = JSON.parse(await readFile(file, 'utf8'));
  const { version } = versioned.parse(json);
  if (version > manifestVersion) {
    throw new WatchpostError(
      'import_invalid',
      `${file} has version ${version} of the format, and this program knows ${manifestVersion}: import it with a newer one.`,
    );
  }
  return manifest.parse(json);
};
