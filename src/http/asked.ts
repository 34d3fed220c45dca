import type { Context } from 'hono';
import type { Asked } from '../search/index.ts';
import { reasonOf } from './access-reason.ts';
import { transactions } from './as-caller.ts';
import type { Served } from './services.ts';

/**
 * Who makes a call, and why, for the record of accesses.
 *
 * @throws {WatchpostError} text_too_long.
 */
export const askedBy = (c: Context<Served>): Asked => ({ transact: transactions(c), reason: reasonOf(c) });
