import { z } from 'zod';
import type { ProblemCode } from './errors.ts';
import { type LegalBasis, legalBasisNames } from './legal-bases.ts';
import { limits } from './limits.ts';

/**
 * The fields that users give, over HTTP and on the command line, as zod types. Their bounds come from the table of
 * limits, and a value out of bounds carries the code of its limit: see codeOf.
 *
 * Texts that are compared (names, keys, and what they are searched by) are put into Unicode's normalization form C here,
 * and for SQL in sql/1-base/normal-form.sql: a Mac writes "José" with five characters, other systems with four, and both
 * mean the same person.
 */

/**
 * The parameters of a zod refinement: the message, and the error code to use instead of `body_invalid` or
 * `query_invalid`.
 */
const refinement = (code: ProblemCode, error: string) => ({ error, params: { code } });

/** The error code of an invalid value; undefined if it has none of its own. */
export const codeOf = (issue: z.core.$ZodIssue): ProblemCode | undefined =>
  issue.code === 'custom' ? issue.params?.code : undefined;

/** Counts characters as Postgres does: code points. */
const isAtMost = (text: string, max: number): boolean =>
  text.length <= max || (text.length <= 2 * max && [...text].length <= max);

const hasControls = (text: string): boolean => /\p{Cc}/u.test(text);

/** Whether there is a visible character: a letter, number, mark or sign. */
const isVisible = (text: string): boolean => /[\p{L}\p{N}\p{P}\p{S}]/u.test(text);

const nameMax = limits.nameCharacters.max;
const nameError = `give 1 to ${nameMax} characters on one line`;

/** A name, location or zone; surrounding white space is removed. */
export const name = z
  .string()
  .trim()
  .normalize('NFC')
  .refine(
    (text) => isVisible(text) && isAtMost(text, nameMax) && !hasControls(text),
    refinement('name_invalid', nameError),
  );

const tokenMax = limits.tokenCharacters.max;

/** An identifier that another system chooses, such as an external_ref. */
export const token = z
  .string()
  .trim()
  .normalize('NFC')
  .refine(
    (text) => isVisible(text) && isAtMost(text, tokenMax) && !hasControls(text),
    refinement('token_invalid', `give 1 to ${tokenMax} characters without control characters`),
  );

/** A search term: a name, the beginning of one, or an id. */
export const searchWord = z
  .string()
  .normalize('NFC')
  .min(1, 'give a name or an id')
  .refine((text) => isAtMost(text, nameMax), `give ${nameMax} characters at most`);

/** A note, a reason or a purpose; may be empty. */
export const text = z
  .string()
  .refine(
    (given) => isAtMost(given, limits.textCharacters.max),
    refinement('text_too_long', `give ${limits.textCharacters.max} characters at most`),
  );

/** What something is for: a text that is not blank. */
export const purpose = text.refine(
  (given) => given.trim() !== '',
  refinement('purpose_missing', 'say in a few words what it is for'),
);

/** A color of a screen, like #d4201a. */
export const color = z
  .string()
  .toLowerCase()
  .regex(/^#[0-9a-f]{6}$/, 'give a color like #d4201a');

/** What allows the processing of a person's biometric data. */
export const legalBasis = z
  .string()
  .refine(
    (given): given is LegalBasis => legalBasisNames.some((basis) => basis === given),
    refinement('legal_basis_invalid', `give one of ${legalBasisNames.join(', ')}`),
  );

/** The URL of an endpoint. Whether messages may be sent to it is decided in sql/5-alerts/endpoints.sql. */
export const url = z
  .string()
  .refine(
    (given) => given.length > 0 && isAtMost(given, limits.urlCharacters.max),
    refinement('url_invalid', `give a URL of 1 to ${limits.urlCharacters.max} characters`),
  );

/** A token, a password or a key, which no answer has. */
export const credential = z
  .string()
  .refine(
    (given) => given.length > 0 && isAtMost(given, limits.credentialCharacters.max),
    refinement('credential_invalid', `give 1 to ${limits.credentialCharacters.max} characters`),
  )
  .meta({ description: 'A token, a password or a routing key. In no answer.', writeOnly: true });

const sourceHint =
  'give a URL like rtsp://camera.example/stream, with rtsp, rtsps, http, https, mqtt, mqtts or s3, or a device like /dev/video0';

/**
 * Where the frames of a camera come from. A user and a password in it are taken out by sql/1-base/camera-sources.sql, which
 * decides what is a source.
 */
export const sourceUrl = url.refine(
  (given) => /^((rtsps?|https?|mqtts?|s3):\/\/[^/?#\s]|\/dev\/video\d)/i.test(given),
  refinement('url_invalid', sourceHint),
);

const timeFormat = 'give a time with its offset, like 2026-11-23T15:04:05Z';

/**
 * A time in ISO 8601 with an offset. It is converted to UTC, because Postgres accepts no offset beyond 15:59 and no
 * time that its offset moves out of the calendar.
 */
const instant = z.iso
  .datetime({ offset: true, error: timeFormat })
  .transform((time) => new Date(time))
  .refine((time) => !Number.isNaN(time.getTime()), { error: timeFormat, abort: true });

/** A time of an export, as Postgres wrote it: kept to the microsecond, its range is tested by the database. */
export const storedTime = z.iso.datetime({ offset: true, error: timeFormat });

const outside = (limit: { min: string; max: string }, time: Date): boolean =>
  time.getTime() < Date.parse(limit.min) || time.getTime() > Date.parse(limit.max);

/** Any time except captured_at. */
export const moment = instant
  .refine(
    (time) => !outside(limits.times, time),
    refinement('time_invalid', `give a time from ${limits.times.min} to ${limits.times.max}`),
  )
  .transform((time) => time.toISOString());

/**
 * The time at which a photo was taken: not before photography was invented, and not in the future beyond the
 * tolerance for wrong clocks.
 */
export const capturedAt = instant
  .refine(
    (time) => !outside(limits.capturedEarliest, time),
    refinement('time_invalid', `give a time since ${limits.capturedEarliest.min}`),
  )
  .refine(
    (time) => time.getTime() <= Date.now() + limits.capturedAheadSeconds.max * 1000,
    refinement('time_invalid', 'give a time that is not in the future'),
  )
  .transform((time) => time.toISOString());

/** Whether a value is nested at most so many levels deep. */
const isNestedAtMost = (value: unknown, levels: number): boolean =>
  typeof value !== 'object' ||
  value === null ||
  (levels > 0 && Object.values(value).every((inner) => isNestedAtMost(inner, levels - 1)));

/**
 * The length in bytes of a value as Postgres writes jsonb: with a space after each comma and colon. Postgres may
 * write large numbers longer than this.
 */
const jsonbBytes = (value: unknown): number => {
  if (typeof value !== 'object' || value === null) return Buffer.byteLength(JSON.stringify(value));
  const inside = Array.isArray(value)
    ? value.map(jsonbBytes)
    : Object.entries(value).map(([key, inner]) => jsonbBytes(key) + 2 + jsonbBytes(inner));
  return 2 + inside.reduce((sum, bytes) => sum + bytes, 0) + 2 * Math.max(inside.length - 1, 0);
};

/** A person's metadata. The depth is checked first, because the later checks recurse. */
export const metadata = z
  .unknown()
  .refine((value) => isNestedAtMost(value, limits.metadataDepth.max), {
    ...refinement('metadata_invalid', `nest it ${limits.metadataDepth.max} levels deep at most`),
    abort: true,
  })
  .pipe(z.record(z.string(), z.json(), 'give a JSON object'))
  .refine(
    (value) => jsonbBytes(value) <= limits.metadataBytes.max,
    refinement('metadata_invalid', `give ${limits.metadataBytes.max} bytes at most`),
  )
  .meta({ override: { type: 'object' } });

/** A cool-down or time to live, in seconds. */
export const interval = (min: number = limits.intervalSeconds.min) =>
  z
    .number()
    .refine(
      (seconds) => seconds >= min && seconds <= limits.intervalSeconds.max,
      refinement('interval_invalid', `give ${min} to ${limits.intervalSeconds.max} seconds`),
    );

const { keyLimits } = limits;

/** A limit of an API key. */
export const keyLimit = z
  .number()
  .refine(
    (count) => Number.isInteger(count) && count >= keyLimits.min && count <= keyLimits.max,
    refinement('limit_invalid', `give a whole number from ${keyLimits.min} to ${keyLimits.max}`),
  );

/** A list of names, ids or codes. */
export const listOf = <T extends z.ZodType>(item: T) =>
  z.array(item).max(limits.listItems.max, `give ${limits.listItems.max} at most`);

/** A whole number, in JSON or as digits in a form or query. */
export const whole = (min: number, max: number) => {
  const error = `give a whole number from ${min} to ${max}`;
  const digits = z
    .string()
    .regex(/^\d{1,9}$/, error)
    .transform(Number);
  return z
    .union([z.number(), digits], error)
    .refine((value) => Number.isInteger(value) && value >= min && value <= max, error)
    .meta({ override: { anyOf: undefined, type: 'integer', minimum: min, maximum: max } });
};

/** Yes or no, in a form or query, which have text only. */
export const flag = z.enum(['true', 'false'], 'give true or false').transform((given) => given === 'true');

/** A share between 0 and 1, in a query. */
export const share = z
  .string()
  .regex(/^(\d{0,3}\.)?\d{1,20}(e-?\d{1,2})?$/i, 'give a share between 0 and 1')
  .transform(Number)
  .refine((value) => value > 0 && value < 1, 'give a share between 0 and 1');

/** The number of entries of a page. */
export const pageLimit = whole(1, limits.listItems.max).default(100);

/** Which page of a list: at most so many entries, after that which the previous page has given as `next`. */
export interface Page<Key = string> {
  readonly after?: Key | undefined;
  readonly limit: number;
}

/** What the next page of a list begins after; null: this was the last one. */
export const nextOf = <Row, Key>(
  rows: readonly Row[],
  limit: number,
  keyOf: (row: Row) => Key,
): Key | null => {
  const last = rows.at(-1);
  return last !== undefined && rows.length === limit ? keyOf(last) : null;
};
