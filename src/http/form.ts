import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { Busboy, type BusboyInstance } from '@fastify/busboy';
import { WatchpostError } from '../errors.ts';
import { limits } from '../limits.ts';

/** A multipart form. */
interface Form {
  /** The files, by their fields. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** The other fields. */
  readonly fields: Record<string, string>;
}

/** The most bytes of a form beside its file: for each part, its headers and a field. */
export const formOverhead = 2 * limits.formParts.max * limits.fieldBytes.max;

/** Bytes parsed at a time. Other calls run in between, and a form beyond a limit is refused early. */
const pieceBytes = 65_536;

const invalid = (message: string, cause?: unknown) => new WatchpostError('body_invalid', message, { cause });

/**
 * Parses a multipart form. Every part is one field; nothing in it is skipped.
 *
 * @param contentType with the boundary.
 * @param fileFields the fields that are files.
 * @throws {WatchpostError} field_repeated; body_invalid for a form that is malformed, has too many or too large parts, a
 *   part without the name of its field, a file in another field, or text in a field that is a file.
 */
export const parseForm = async (
  bytes: Buffer,
  contentType: string,
  fileFields: readonly string[],
): Promise<Form> => {
  const source = Readable.from(piecesOf(bytes));
  const parts = new FormParts(fileFields);
  try {
    await new Promise<void>((resolve, reject) => {
      const attempt = (take: () => void) => {
        try {
          take();
        } catch (error) {
          source.destroy();
          reject(error);
        }
      };
      const parser = openParser(contentType);
      parser.on('error', reject).on('finish', resolve);
      parser.on('partsLimit', () =>
        attempt(() => {
          throw invalid(`A form may have ${limits.formParts.max} parts.`);
        }),
      );
      parser.on('file', (name, stream) => {
        // The parser reports the error too; without a listener here it would end the process.
        stream.on('error', () => {});
        attempt(() => {
          const pieces = parts.addFile(name);
          stream.on('data', (piece: Buffer) => pieces.push(piece));
        });
        stream.resume();
      });
      parser.on('field', (name: string | undefined, value, _, truncated) =>
        attempt(() => parts.addField(name, value, truncated)),
      );
      source.pipe(parser);
    });
  } catch (error) {
    throw error instanceof WatchpostError ? error : invalid('The multipart form cannot be read.', error);
  } finally {
    source.destroy();
  }
  if (parts.names.size < countParts(bytes, contentType)) throw invalid(nameless);
  return {
    files: new Map([...parts.files].map(([name, pieces]) => [name, Buffer.concat(pieces)])),
    fields: Object.fromEntries(parts.fields),
  };
};

const nameless = 'A part of the form has no name: give it Content-Disposition: form-data; name="...".';

/** The parts of a form as they are parsed. */
class FormParts {
  readonly names = new Set<string>();
  readonly fields = new Map<string, string>();
  /** The pieces of each file. */
  readonly files = new Map<string, Buffer[]>();
  readonly #fileFields: readonly string[];

  constructor(fileFields: readonly string[]) {
    this.#fileFields = fileFields;
  }

  /** Where the pieces of the file go. */
  addFile(name: string | undefined): Buffer[] {
    this.#add(name);
    if (!this.#fileFields.includes(name as string)) {
      throw invalid(`The field ${quoted(name)} is sent as a file; send it as text.`);
    }
    const pieces: Buffer[] = [];
    this.files.set(name as string, pieces);
    return pieces;
  }

  addField(name: string | undefined, value: string, truncated: boolean): void {
    this.#add(name);
    if (this.#fileFields.includes(name as string)) {
      throw invalid(`The field ${name} is sent as text; send it as a file.`);
    }
    if (truncated) throw invalid(`A field of a form may have ${limits.fieldBytes.max} bytes.`);
    this.fields.set(name as string, value);
  }

  #add(name: string | undefined): void {
    if (name === undefined) throw invalid(nameless);
    if (this.names.has(name)) {
      throw new WatchpostError('field_repeated', `The form has the field ${quoted(name)} twice.`);
    }
    this.names.add(name);
  }
}

const quoted = (name: string | undefined): string => JSON.stringify((name ?? '').slice(0, 100));

/**
 * The number of parts of a form, by its boundaries. The parser skips a part that does not say which field it is, and
 * does not report it.
 *
 * @returns 0 if the content type has no boundary, which the parser refuses.
 */
const countParts = (bytes: Buffer, contentType: string): number => {
  const [, inQuotes, bare] = /;\s*boundary=(?:"([^"]+)"|([^\s;"]+))/i.exec(contentType) ?? [];
  const boundary = inQuotes ?? bare;
  if (boundary === undefined) return 0;
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  const first = bytes.subarray(0, delimiter.length - 2).equals(delimiter.subarray(2));
  let parts = 0;
  for (
    let at = first ? -2 : bytes.indexOf(delimiter);
    at !== -1;
    at = bytes.indexOf(delimiter, at + delimiter.length)
  ) {
    // Two hyphens end the form.
    if (bytes.toString('latin1', at + delimiter.length, at + delimiter.length + 2) === '--') break;
    parts += 1;
  }
  return parts;
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
