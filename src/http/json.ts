import { WatchpostError } from '../errors.ts';
import { limits } from '../limits.ts';
import { shortened } from './problem.ts';

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const space = new Set([0x20, 0x09, 0x0a, 0x0d]);
const opening = new Set([0x5b, 0x7b]);
const closing = new Set([0x5d, 0x7d]);

/**
 * Parses a JSON body. One pass over its bytes first counts depth and values, and compares the keys of each object:
 * JSON.parse has no limit of its own, 24 MB of small values blocked the process for 10 to 24 s, and of two equal keys it
 * drops the first.
 *
 * @throws {WatchpostError} body_empty, body_invalid, field_repeated.
 */
export const parseJson = (bytes: Uint8Array): unknown => {
  assertBounded(bytes);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new WatchpostError('body_invalid', 'The body is not JSON: it is not UTF-8.', { cause: error });
  }
  if (text.trim() === '') throw new WatchpostError('body_empty', 'This call takes a JSON body.');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new WatchpostError('body_invalid', 'The body is not JSON.', { cause: error });
  }
};

const assertBounded = (bytes: Uint8Array): void => {
  /** The keys so far of each object that is open; an array has none. */
  const open: Set<string>[] = [];
  let values = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] as number;
    if (byte === quote) {
      const start = at;
      at = endOfString(bytes, start);
      if (isKey(bytes, at)) noteKey(open.at(-1), bytes.subarray(start, at + 1));
    } else if (opening.has(byte)) {
      open.push(new Set());
      values += 1;
    } else if (closing.has(byte)) open.pop();
    else if (byte === comma) values += 1;
    if (open.length > limits.jsonDepth.max) {
      throw new WatchpostError('body_invalid', `Values may be nested ${limits.jsonDepth.max} deep.`);
    }
    if (values > limits.jsonValues.max) {
      throw new WatchpostError('body_invalid', `A body may hold ${limits.jsonValues.max} values.`);
    }
  }
};

/** Whether the string that ends at `end` is a key: a colon follows. */
const isKey = (bytes: Uint8Array, end: number): boolean => {
  let at = end + 1;
  while (space.has(bytes[at] as number)) at += 1;
  return bytes[at] === colon;
};

const noteKey = (keys: Set<string> | undefined, quoted: Uint8Array): void => {
  // Longer than the body of any call that has such keys; a photo's JSON would hold it in memory once more.
  if (quoted.length > limits.jsonBytes.max) return;
  const key = keyIn(new TextDecoder().decode(quoted));
  if (keys?.has(key)) {
    throw new WatchpostError(
      'field_repeated',
      `The key ${shortened(JSON.stringify(key), 100)} is given twice.`,
    );
  }
  keys?.add(key);
};

/** A key without its quotes and escapes; as it is if it is malformed, which JSON.parse reports. */
const keyIn = (quoted: string): string => {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return quoted;
  }
};

/** Index of the closing quote of the string that begins at `start`, or the length if there is none. */
const endOfString = (bytes: Uint8Array, start: number): number => {
  for (let at = start + 1; ; at += 1) {
    at = bytes.indexOf(quote, at);
    if (at === -1) return bytes.length;
    let escapes = 0;
    while (bytes[at - 1 - escapes] === backslash) escapes += 1;
    if (escapes % 2 === 0) return at;
  }
};
