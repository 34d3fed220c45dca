import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { Busboy, type BusboyInstance } from '@fastify/busboy';
import { WatchpostError } from '../errors.ts';
import { limits } from '../limits.ts';

/** A multipart form. */
interface Form {
  /** The file in the field `image`, if there is one. */
  readonly image: Buffer | undefined;
  /** The other fields. */
  readonly fields: Record<string, string>;
}

/** The most bytes of a form beside its file: for each part, its headers and a field. */
export const formOverhead = 2 * limits.formParts.max * limits.fieldBytes.max;

/** Bytes parsed at a time. Other calls run in between, and a form beyond a limit is refused early. */
const pieceBytes = 65_536;

const invalid = (message: string, cause?: unknown) => new WatchpostError('body_invalid', message, { cause });

/**
 * Parses a multipart form.
 *
 * @param contentType with the boundary.
 * @throws {WatchpostError} body_invalid for a form that is malformed, has too many or too large parts, a field twice, or
 *   a file that is not in the field `image`.
 */
export const parseForm = async (bytes: Buffer, contentType: string): Promise<Form> => {
  const source = Readable.from(piecesOf(bytes));
  const file: Buffer[] = [];
  const fields = new Map<string, string>();
  let hasFile = false;
  try {
    await new Promise<void>((resolve, reject) => {
      const refuse = (message: string) => {
        source.destroy();
        reject(invalid(message));
      };
      const parser = openParser(contentType);
      parser.on('error', reject).on('finish', resolve);
      parser.on('partsLimit', () => refuse(`A form may have ${limits.formParts.max} parts.`));
      parser.on('file', (name, stream) => {
        if (hasFile || name !== 'image') refuse('A form may have one file, in the field image.');
        hasFile = true;
        // The parser reports the error too; without a listener here it would end the process.
        stream.on('error', () => {}).on('data', (piece: Buffer) => file.push(piece));
      });
      parser.on('field', (name: string | undefined, value, _, truncated) => {
        if (name === undefined) refuse('A part of the form has no name.');
        else if (truncated) refuse(`A field of a form may have ${limits.fieldBytes.max} bytes.`);
        else if (fields.has(name))
          refuse(`The form has the field ${JSON.stringify(name.slice(0, 100))} twice.`);
        else fields.set(name, value);
      });
      source.pipe(parser);
    });
  } catch (error) {
    throw error instanceof WatchpostError ? error : invalid('The multipart form cannot be read.', error);
  } finally {
    source.destroy();
  }
  return { image: hasFile ? Buffer.concat(file) : undefined, fields: Object.fromEntries(fields) };
};

const openParser = (contentType: string): BusboyInstance =>
  new Busboy({
    headers: { 'content-type': contentType },
    limits: {
      parts: limits.formParts.max,
      fieldSize: limits.fieldBytes.max,
      headerSize: limits.fieldBytes.max,
    },
  });

async function* piecesOf(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    yield bytes.subarray(at, at + pieceBytes);
    // The parser's streams continue by nextTick, which lets nothing else run: 300,000 parts blocked the process for 2.5 s.
    await setImmediate();
  }
}
