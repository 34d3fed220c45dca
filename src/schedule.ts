import { z } from 'zod';
import { searchWord } from './fields.ts';

/** Days, hours and their time zone, as sql/1-base/schedule.sql has them: of quiet hours, and of rules about strangers. */

/** Days of the week: 1 is Monday, 7 is Sunday. */
export const weekdays = z
  .array(z.int().min(1).max(7), 'give days from 1, Monday, to 7')
  .min(1, 'give a day at least')
  .max(7);

/** A time of the day. */
export const clock = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'give a time of the day like 22:00');

/** The name of a time zone; whether there is one is decided by the database. */
export const timeZone = searchWord;
