import { readFile } from 'node:fs/promises';
import { WatchpostError } from './errors.ts';
import { nearestName } from './nearest-name.ts';

/**
 * The text of a file: UTF-8, UTF-16 as Excel writes it, or the given encoding. A byte order mark counts more than what is
 * given, and is not part of the text.
 *
 * @param encoding a name of the WHATWG Encoding Standard, like windows-1252, in which Latin-1 is included.
 * @throws {WatchpostError} import_invalid, for a file in another encoding, with how to convert it. Errors of the file system.
 */
export const readText = async (file: string, encoding?: string): Promise<string> => {
  const bytes = await readFile(file);
  const used = encodingByMark(bytes) ?? encoding ?? encodingByZeros(bytes) ?? 'utf-8';
  try {
    return new TextDecoder(used, { fatal: true }).decode(bytes);
  } catch (error) {
    const line = new TextDecoder(used).decode(bytes).split('\uFFFD')[0]?.split('\n').length;
    throw new WatchpostError(
      'import_invalid',
      `${file} is not ${used.toUpperCase()}: line ${line} has other bytes. Save it as "CSV UTF-8"; if it is Latin-1, convert it with iconv -f WINDOWS-1252 -t UTF-8, or import it with --encoding windows-1252.`,
      { cause: error },
    );
  }
};

const startsWith = (bytes: Uint8Array, ...mark: number[]) => mark.every((byte, i) => bytes[i] === byte);

const encodingByMark = (bytes: Uint8Array): string | undefined => {
  if (startsWith(bytes, 0xef, 0xbb, 0xbf)) return 'utf-8';
  if (startsWith(bytes, 0xff, 0xfe)) return 'utf-16le';
  if (startsWith(bytes, 0xfe, 0xff)) return 'utf-16be';
  return undefined;
};

/** UTF-16 without a mark, of a text that begins with a letter of ASCII, as the name of a column does. */
const encodingByZeros = (bytes: Uint8Array): string | undefined => {
  if (bytes.length < 2 || (bytes[0] !== 0) === (bytes[1] !== 0)) return undefined;
  return bytes[1] === 0 ? 'utf-16le' : 'utf-16be';
};

/**
 * Refuses names that are not known, as a misspelt one would be ignored otherwise.
 *
 * @param kind of what they are, for the message: column, key.
 * @throws {WatchpostError} import_invalid, with the nearest known name.
 */
export const assertKnown = (
  file: string,
  kind: string,
  names: readonly string[],
  known: readonly string[],
): void => {
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const nearest = nearestName(unknown, known);
  const suggestion =
    nearest === undefined ? `Known are: ${known.join(', ')}.` : `Is ${JSON.stringify(nearest)} meant?`;
  throw new WatchpostError(
    'import_invalid',
    `${file} has the ${kind} ${JSON.stringify(unknown.slice(0, 100))}, which is not known. ${suggestion}`,
    { hint: `Each ${kind} that may be there: ${known.join(', ')}.` },
  );
};
