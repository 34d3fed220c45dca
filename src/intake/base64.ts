import { WatchpostError } from '../errors.ts';
import { limits } from '../limits.ts';

/**
 * Whether a text is base64, with white space anywhere. It is not copied: removing the white space from 28 MB with a space
 * after each character took 2 s and 600 MB.
 */
const isBase64 = (text: string): boolean => {
  const end = text.indexOf('=');
  return (
    !/[^A-Za-z0-9+/_=\s-]/.test(text) &&
    (end === -1 || (!/[^=\s]/.test(text.slice(end)) && text.split('=', 4).length < 4))
  );
};

/**
 * The most bytes of a JSON body with photos. Base64 has 4 characters for 3 bytes, line breaks add up to 6%, and the other
 * keys are JSON as elsewhere.
 */
export const mostBase64 = (maxBytes: number, photos = 1): number =>
  Math.ceil(photos * maxBytes * (4 / 3) * 1.06) + limits.jsonBytes.max;

/**
 * The photo in a value of JSON: base64, or a data: URL of it.
 *
 * @param name of its key, for the error.
 * @throws {WatchpostError} body_invalid.
 */
export const decodeBase64 = (value: unknown, name: string): Buffer => {
  if (typeof value !== 'string') {
    throw new WatchpostError('body_invalid', `The key ${name} is no text: give the photo as base64.`);
  }
  const base64 = value.replace(/^data:[^,]*,/, '');
  if (!isBase64(base64)) {
    throw new WatchpostError('body_invalid', `The key ${name} is not base64.`, {
      hint: 'Paths and URLs are not read: send the photo itself.',
    });
  }
  return Buffer.from(base64, 'base64');
};
