import { readFileSync } from 'node:fs';
import { whyUnusableFile } from './file-errors.ts';

/** Bytes of the key that wraps the keys of data: AES-256. */
const keyBytes = 32;

/** Where the key is configured. */
export interface EncryptionSettings {
  /** The key itself, in base64 or hex. */
  readonly value?: string | undefined;
  /** Path of a file that holds it. */
  readonly file?: string | undefined;
}

/** 32 bytes from base64 or 64 hexadecimal digits; undefined if the text is neither. */
export const parseKey = (text: string): Buffer | undefined => {
  const trimmed = text.trim();
  const form = /^[0-9a-f]{64}$/i.test(trimmed) ? 'hex' : 'base64';
  const key = Buffer.from(trimmed, form);
  const isWhole = form === 'hex' || /^[A-Za-z0-9+/]{43}=?$/.test(trimmed);
  return isWhole && key.length === keyBytes ? key : undefined;
};

/**
 * Reads the key that wraps the keys by which photos are encrypted at rest.
 *
 * @returns undefined if none is configured: then nothing is encrypted.
 * @throws {RangeError} with a sentence, if its file cannot be read or holds something else.
 */
export const readEncryptionKey = ({ value, file }: EncryptionSettings): Buffer | undefined => {
  if (file === undefined) return value === undefined ? undefined : parseKey(value);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new RangeError(
      `The encryption key in ${file} cannot be read: ${whyUnusableFile(error) ?? String(error)}.`,
    );
  }
  const key = parseKey(text);
  if (key) return key;
  throw new RangeError(
    `${file} holds no encryption key, which is 32 bytes in base64 or hex: "watchpost encryption make-key FILE" makes one.`,
  );
};
