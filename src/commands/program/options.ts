import { InvalidArgumentError } from 'commander';
import type { z } from 'zod';
import * as fields from '../../fields.ts';
import { limits } from '../../limits.ts';
import { acceptable } from '../../watchlist/enrolment.ts';
import { type ThresholdName, thresholdNames } from '../../watchlist/lists.ts';

/** Parsers of arguments and options. Each refuses a value with a sentence that says what would be valid. */

/** The choices of --severity and --min-severity. */
export const severities = ['info', 'warning', 'critical'];

const number =
  (what: string, good: (value: number) => boolean) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !good(value)) throw new InvalidArgumentError(`Give ${what}.`);
    return value;
  };
export const similarity = number('a number from 0 to 1', (value) => value >= 0 && value <= 1);
export const threshold = (text: string): number | ThresholdName =>
  thresholdNames.find((name) => name === text) ??
  number(
    `a number from 0 to 1, or one of ${thresholdNames.join(', ')}`,
    (value) => value >= 0 && value <= 1,
  )(text);
/** A point on a plan. */
export const planPoint = (text: string): { x: number; y: number } => {
  const [x = Number.NaN, y = Number.NaN, ...more] = text
    .split(',')
    .map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (more.length > 0 || !(x >= 0 && x <= 1 && y >= 0 && y <= 1))
    throw new InvalidArgumentError('Give two numbers from 0 to 1, like 0.3,0.7.');
  return { x, y };
};
export const shareOption = number('a number between 0 and 1, like 0.003', (value) => value > 0 && value < 1);
const wholeTo = (max: number) =>
  number(`a whole number from 1 to ${max}`, (value) => Number.isInteger(value) && value >= 1 && value <= max);
/** How many, where none is an answer too. */
export const countOption = number(
  'a whole number from 0 to 10000',
  (value) => Number.isInteger(value) && value >= 0 && value <= 10_000,
);
export const positionOption = wholeTo(1_000_000_000);
export const portOption = number(
  'a port from 0 to 65535',
  (value) => Number.isInteger(value) && value >= 0 && value <= 65_535,
);
/** Which face of a photo, as over HTTP. */
export const face = wholeTo(1000);
export const seconds = number(
  `0 to ${limits.intervalSeconds.max} seconds`,
  (value) => value >= 0 && value <= limits.intervalSeconds.max,
);

export const keyLimitOption = wholeTo(limits.keyLimits.max);

const secondsOf: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };
export const frameRate = number('a number above 0 and up to 60', (value) => value > 0 && value <= 60);
/** The width of frames. */
export const pixelsOption = number(
  'a whole number from 64 to 7680',
  (value) => Number.isInteger(value) && value >= 64 && value <= 7680,
);

/** A length of time, like 24h; in seconds. */
export const duration = (text: string): number => {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const length = Number(count) * (secondsOf[unit ?? ''] ?? Number.NaN);
  if (!(length <= limits.intervalSeconds.max))
    throw new InvalidArgumentError('Give a length of time like 90s, 30m, 24h or 7d, 365d at most.');
  return length;
};

/** The value as the type of the same field over HTTP makes it. */
const fitting = <T>(type: z.ZodType<T>, value: unknown): T => {
  const parsed = type.safeParse(value);
  if (parsed.success) return parsed.data;
  const sentence = parsed.error.issues[0]?.message ?? '';
  throw new InvalidArgumentError(`${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`);
};
const field =
  (type: z.ZodType<string>) =>
  (text: string): string =>
    fitting(type, text);
export const time = field(fields.capturedAt);
export const colorOption = field(fields.color);
export const momentOption = field(fields.moment);
/** A time, or a length of time from now on; in ISO 8601. */
export const momentOrDuration = (text: string): string =>
  /^\d+[a-z]$/i.test(text) ? new Date(Date.now() + duration(text) * 1000).toISOString() : momentOption(text);
export const named = field(fields.name);
export const tokenOption = field(fields.token);
export const words = field(fields.text);
export const sourceOption = field(fields.sourceUrl);
export const purposeOption = field(fields.purpose);
export const basisOption = field(fields.legalBasis);
/** A time, or "never", which takes back what was given. */
export const momentOrNever = (text: string): string => (text === 'never' ? text : momentOption(text));
/** What is to be found: a name or an id. */
export const searched = field(fields.searchWord);

/** Collects the values of an option that may be repeated. */
export const several = (value: string, before: string[]): string[] => [...before, value];
/** The same for names and ids. */
export const severalSearched = (value: string, before: string[] = []): string[] => [
  ...before,
  searched(value),
];
/** The same for names that are to be stored. */
export const severalNamed = (value: string, before: string[] = []): string[] => [...before, named(value)];
/** The same for people: ids, external references or names. */
export const severalTokens = (value: string, before: string[] = []): string[] => [
  ...before,
  tokenOption(value),
];
/** The same for codes of the enrolment gate. */
export const gateCodes = (value: string, before: string[]): string[] => {
  if (!acceptable.some((code) => code === value))
    throw new InvalidArgumentError(`Give one of ${acceptable.join(', ')}.`);
  return [...before, value];
};
export const metadataOption = (text: string): Record<string, unknown> => {
  try {
    return fitting(fields.metadata, JSON.parse(text));
  } catch (error) {
    throw error instanceof SyntaxError ? new InvalidArgumentError('Give a JSON object.') : error;
  }
};
/** Collects ids. */
export const identifiers = (text: string, before: string[] = []): string[] => [...before, identifier(text)];
export const identifier = (text: string): string => {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text))
    throw new InvalidArgumentError('Give a UUID.');
  return text.toLowerCase();
};
