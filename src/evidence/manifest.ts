import { createHash } from 'node:crypto';
import { z } from 'zod';

const hex = z.string().regex(/^[0-9a-f]{64}$/);

/** The file manifest.json: what the evidence holds. Its own hash is in the event evidence.made. */
export const manifestSchema = z.strictObject({
  format: z.literal('watchpost evidence 1'),
  watchpost: z.string(),
  alert_id: z.guid(),
  made_at: z.iso.datetime(),
  /** The events of the alert that are in proof.json, oldest first. */
  events: z.array(z.guid()),
  files: z.array(
    z.strictObject({
      name: z.string(),
      bytes: z.int().min(0),
      sha256: hex,
      /** The photo or the face whose bytes these are: their hash is in the event match.found too. */
      image_id: z.guid().optional(),
      face_id: z.guid().optional(),
    }),
  ),
});
export type Manifest = z.infer<typeof manifestSchema>;

/** SHA-256 in hex. */
export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** The text of manifest.json and of other files for people. */
export const prettyJson = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
