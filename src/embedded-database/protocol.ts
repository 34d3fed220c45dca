/**
 * Reads and writes messages of the PostgreSQL frontend/backend protocol 3.0.
 *
 * Text is read and written as latin1, which keeps every byte whatever encoding the client uses. So a statement can be
 * read and rewritten without knowing its encoding: keywords, quotes and digits are ASCII in all of them.
 */

export const sslRequest = 80877103;
export const gssencRequest = 80877104;
export const cancelRequest = 80877102;

/** The longest startup packet accepted, in bytes: PostgreSQL's own limit (MAX_STARTUP_PACKET_LENGTH). */
const maxStartupBytes = 10_000;

/** A client has sent something after which its connection cannot be used: it gets the error and is disconnected. */
export class ProtocolViolation extends Error {
  readonly code: string;

  /** @param code SQLSTATE of the error that the client gets. */
  constructor(code: string, message: string) {
    super(message);
    this.name = 'ProtocolViolation';
    this.code = code;
  }
}

/** The fields of an ErrorResponse or NoticeResponse. */
export interface Report {
  /** SQLSTATE, five characters. */
  code: string;
  message: string;
  hint?: string;
}

/** A zero-terminated string. */
export const cstring = (text: string): Buffer => Buffer.from(`${text}\0`, 'latin1');

/** One message: its type letter, a length that counts itself, and a body. */
export const message = (type: string, ...body: Buffer[]): Buffer => {
  let length = 4;
  for (const part of body) length += part.length;
  const header = Buffer.allocUnsafe(5);
  header[0] = type.charCodeAt(0);
  header.writeInt32BE(length, 1);
  return Buffer.concat([header, ...body], length + 1);
};

export const int32 = (value: number): Buffer => {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value);
  return bytes;
};

const report = (type: 'E' | 'N', severity: string, { code, message: text, hint }: Report): Buffer => {
  const fields: [string, string | undefined][] = [
    ['S', severity],
    ['V', severity],
    ['C', code],
    ['M', text],
    ['H', hint],
  ];
  const parts = fields.flatMap(([key, value]) => (value === undefined ? [] : [cstring(key + value)]));
  return message(type, ...parts, Buffer.alloc(1));
};

export const errorResponse = (fields: Report): Buffer => report('E', 'ERROR', fields);
export const fatalResponse = (fields: Report): Buffer => report('E', 'FATAL', fields);
export const noticeResponse = (fields: Report): Buffer => report('N', 'NOTICE', fields);

export const query = (sql: string): Buffer => message('Q', cstring(sql));
/** A Parse without declared parameter types. */
export const parse = (name: string, sql: string): Buffer =>
  message('P', cstring(name), cstring(sql), Buffer.alloc(2));
export const closeStatement = (name: string): Buffer => message('C', Buffer.from('S'), cstring(name));
export const sync = (): Buffer => message('S');
export const readyForQuery = (status: string): Buffer => message('Z', Buffer.from(status));
export const authenticationOk = (): Buffer => message('R', int32(0));
/** Asks for the password, by SCRAM-SHA-256. */
export const authenticationSasl = (): Buffer =>
  message('R', int32(10), cstring('SCRAM-SHA-256'), Buffer.alloc(1));
export const authenticationSaslContinue = (text: string): Buffer =>
  message('R', int32(11), Buffer.from(text));
export const authenticationSaslFinal = (text: string): Buffer => message('R', int32(12), Buffer.from(text));
export const backendKey = (pid: number, secret: number): Buffer => message('K', int32(pid), int32(secret));
export const parameterStatus = (name: string, value: string): Buffer =>
  message('S', cstring(name), cstring(value));
/** Says that minor version 0 of protocol 3 is supported, and which `_pq_.` options are not. */
export const negotiateVersion = (options: string[]): Buffer =>
  message('v', int32(3 << 16), int32(options.length), ...options.map(cstring));

/** A StartupMessage with these parameters. */
export const startup = (parameters: Record<string, string>): Buffer => {
  const pairs = Object.entries(parameters).flatMap(([name, value]) => [cstring(name), cstring(value)]);
  const body = Buffer.concat([int32(3 << 16), ...pairs, Buffer.alloc(1)]);
  return Buffer.concat([int32(body.length + 4), body]);
};

/** The zero-terminated string at `offset`, and where the next field begins. */
export const readCString = (bytes: Buffer, offset: number): { text: string; next: number } => {
  const end = bytes.indexOf(0, offset);
  if (end < 0) throw new ProtocolViolation('08P01', 'a string in the message has no end');
  return { text: bytes.toString('latin1', offset, end), next: end + 1 };
};

/** The values of a DataRow as text; null for SQL NULL. */
export const readDataRow = (row: Buffer): (string | null)[] => {
  const values: (string | null)[] = [];
  let at = 7;
  for (let left = row.readInt16BE(5); left > 0; left--) {
    const length = row.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? null : row.toString('latin1', at, at + length));
    if (length > 0) at += length;
  }
  return values;
};

/** One field of an ErrorResponse or NoticeResponse, by its letter. */
export const readReportField = (bytes: Buffer, letter: string): string | undefined => {
  for (let at = 5; at < bytes.length && bytes[at] !== 0; ) {
    const { text, next } = readCString(bytes, at);
    if (text[0] === letter) return text.slice(1);
    at = next;
  }
  return undefined;
};

/** The messages of an answer, each with its header. */
export const splitMessages = (bytes: Buffer): Buffer[] => {
  const found: Buffer[] = [];
  for (let at = 0; at + 5 <= bytes.length; ) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    found.push(bytes.subarray(at, end));
    at = end;
  }
  return found;
};

/**
 * Splits the bytes that a client sends into messages. Chunks are joined when a message is complete, not as they arrive:
 * joining for each chunk would copy a message of 64 MB a thousand times.
 */
export class MessageReader {
  readonly #limit: number;
  #chunks: Buffer[] = [];
  #size = 0;

  /** @param limit the longest message accepted, in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  /** The next startup packet (it has no type letter), or undefined until it is complete. */
  nextStartup(): Buffer | undefined {
    if (this.#size < 4) return undefined;
    const length = this.#head(4).readInt32BE(0);
    if (length < 8 || length > maxStartupBytes) {
      throw new ProtocolViolation('08P01', 'invalid length of startup packet');
    }
    return this.#take(length);
  }

  /** The next message with its header, or undefined until it is complete. */
  next(limit = this.#limit): Buffer | undefined {
    if (this.#size < 5) return undefined;
    const length = this.#head(5).readInt32BE(1);
    if (length < 4) throw new ProtocolViolation('08P01', 'invalid message length');
    if (length >= limit) {
      throw new ProtocolViolation('54000', `message of ${length} bytes exceeds the limit of ${limit}`);
    }
    return this.#take(length + 1);
  }

  #head(bytes: number): Buffer {
    if (this.#chunks[0]!.length < bytes) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]!;
  }

  #take(length: number): Buffer | undefined {
    if (this.#size < length) return undefined;
    const all = this.#head(length);
    if (all.length === length) this.#chunks.shift();
    else this.#chunks[0] = all.subarray(length);
    this.#size -= length;
    return all.subarray(0, length);
  }
}
