import type { Context } from 'hono';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { text } from '../fields.ts';
import type { Served } from './services.ts';

/** The header in which a caller says why they look at a photo, a crop or a person. */
export const accessReason = z.object({
  'access-reason': text.optional().meta({ description: 'Why; kept on record with the name of the key.' }),
});

/**
 * Why a call is made, for the record of accesses; undefined: nothing was said.
 *
 * @throws {WatchpostError} text_too_long.
 */
export const reasonOf = (c: Context<Served>): string | undefined => {
  const reason = text.safeParse(c.req.header('access-reason') ?? '');
  if (!reason.success) {
    throw new WatchpostError('text_too_long', `Access-Reason: ${reason.error.issues[0]?.message}.`);
  }
  return reason.data.trim() || undefined;
};
