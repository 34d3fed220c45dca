import { clock } from '../../schedule.ts';

/** Days and hours of the week as the command line has them: `mon-fri,sun` and `22:00-06:00`. */

const names = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

/** The days of one day or range: fri-mon is 5, 6, 7, 1. Undefined if it is neither. */
const daysOfRange = (text: string): number[] | undefined => {
  const [from = '', to = from, ...more] = text.trim().toLowerCase().split('-');
  const [first, last] = [names.indexOf(from), names.indexOf(to)];
  if (first < 0 || last < 0 || more.length > 0) return undefined;
  return Array.from({ length: ((last - first + 7) % 7) + 1 }, (_, index) => ((first + index) % 7) + 1);
};

/** @returns numbers of days, 1 is Monday; undefined if it is another text. */
export const daysIn = (text: string): number[] | undefined => {
  const ranges = text.split(',').map(daysOfRange);
  return ranges.every((range) => range !== undefined) ? ranges.flat() : undefined;
};

/** @returns when they begin and end, `HH:MM`; undefined if it is another text. */
export const hoursIn = (text: string): [string, string] | undefined => {
  const [from, until, ...more] = text.trim().split('-');
  const isHours = more.length === 0 && clock.safeParse(from).success && clock.safeParse(until).success;
  return isHours ? [from as string, until as string] : undefined;
};

/** @param days null: every day. */
export const wordsOfDays = (days: readonly number[] | null): string =>
  days === null || days.length === 7 ? 'every day' : days.map((day) => names[day - 1]).join(',');
