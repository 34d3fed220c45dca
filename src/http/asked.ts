import type { Context } from 'hono';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { text } from '../fields.ts';
import type { Asked } from '../search/index.ts';
import { transactions } from './as-caller.ts';
import type { Served } from './services.ts';

/** The header in which a caller says why they look at a photo or search by one. */
export const accessReason = z.object({
  'access-reason': text.optional().meta({ description: 'Why; kept on record with the name of the key.' }),
});

/**
 * Who makes a call, and why, for the record of accesses.
 *
 * @throws {WatchpostError} text_too_long.
 */
export const askedBy = (c: Context<Served>): Asked => {
  const reason = text.safeParse(c.req.header('access-reason') ?? '');
  if (!reason.success) {
    throw new WatchpostError('text_too_long', `Access-Reason: ${reason.error.issues[0]?.message}.`);
  }
  return { transact: transactions(c), reason: reason.data.trim() || undefined };
};
