import { z } from 'zod';
import { rotations } from '../../vision/index.ts';

/** The fields of answers. They describe what is sent, and validate it in the tests; nothing is parsed with them. */

export const id = z.guid();

/** In ISO 8601, with an offset. */
export const time = z.iso.datetime({ offset: true });

export const text = z.string();
export const count = z.int().min(0);

/** Between 0 and 1. */
export const share = z.number().min(0).max(1);

/** Of two embeddings: their cosine. */
export const similarity = z.number().min(-1).max(1).meta({ description: 'Cosine of two embeddings.' });

export const severity = z.enum(['info', 'warning', 'critical']);

/** Degrees clockwise. */
export const rotation = z.union(rotations.map((degrees) => z.literal(degrees)));

/** Like #d4201a. */
export const color = z.string().regex(/^#[0-9a-f]{6}$/);

/** A path of this API. */
export const path = z.string().regex(/^\//);

export const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** A page of a list; `next` is what the following one begins `after`. */
export const page = <Name extends string, Item extends z.ZodType>(name: Name, item: Item) =>
  z.strictObject({
    [name]: z.array(item),
    next: text
      .nullable()
      .meta({ description: 'Give it as "after" for the next page; null: this is the last.' }),
  } as { [Key in Name]: z.ZodArray<Item> } & { next: z.ZodNullable<z.ZodString> });
