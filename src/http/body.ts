import type { Context, MiddlewareHandler } from 'hono';
import { z } from 'zod';
import { type ProblemCode, WatchpostError } from '../errors.ts';
import { codeOf } from '../fields.ts';
import { limits } from '../limits.ts';
import { nearestName } from '../nearest-name.ts';
import type { BytesInFlight } from './bytes-in-flight.ts';
import { parseJson } from './json.ts';
import { shortened } from './problem.ts';
import type { Served } from './services.ts';

/**
 * Opens a hold on the budget of bytes for each call, and sets when its body must have arrived.
 *
 * @param most bytes of the largest body that any route reads.
 */
export const receiveWithin =
  (budget: BytesInFlight, seconds: number, most: number): MiddlewareHandler<Served> =>
  async (c, next) => {
    const hold = budget.open();
    c.set('receiving', { hold, dueAt: Date.now() + seconds * 1000, most });
    try {
      await next();
    } finally {
      hold.release();
    }
  };

/**
 * Reads the body of a call. Until the call is answered it counts towards the bytes of all calls together.
 *
 * @param maxBytes a larger body is refused by its Content-Length before it is read, else as soon as more has arrived.
 * @param tooLarge makes the error for a larger body.
 * @param copies how many times the caller of this function holds the body in memory.
 * @throws {WatchpostError} tooLarge; server_busy, body_too_slow, media_type_unsupported for a compressed body;
 *   body_invalid if the connection breaks off.
 */
export const readBytes = async (
  c: Context<Served>,
  maxBytes: number,
  tooLarge: () => WatchpostError,
  copies = 1,
): Promise<Buffer> => {
  const encoding = c.req.header('content-encoding') ?? 'identity';
  if (encoding !== 'identity') {
    throw new WatchpostError('media_type_unsupported', 'A body cannot be sent compressed.', {
      hint: 'Leave out Content-Encoding.',
    });
  }
  const { hold, dueAt } = c.get('receiving');
  const ahead = c.get('body');
  if (ahead) {
    if (ahead.length > maxBytes) throw tooLarge();
    hold.growTo(copies * ahead.length);
    return ahead;
  }
  const announced = Number(c.req.header('content-length') ?? 0);
  if (announced > maxBytes) throw tooLarge();
  hold.growTo(copies * announced);
  let bytes = Buffer.allocUnsafeSlow(announced || Math.min(maxBytes, 65_536));
  let length = 0;
  for await (const piece of piecesUntil(c, dueAt)) {
    if (length + piece.length > maxBytes) throw tooLarge();
    hold.growTo(copies * (length + piece.length));
    if (length + piece.length > bytes.length) {
      const size = Math.min(maxBytes, Math.max(2 * bytes.length, length + piece.length));
      const larger = Buffer.allocUnsafeSlow(size);
      bytes.copy(larger, 0, 0, length);
      bytes = larger;
    }
    bytes.set(piece, length);
    length += piece.length;
  }
  return bytes.subarray(0, length);
};

/**
 * Reads the body of a call before its route does, which then gets the same bytes.
 *
 * @throws {WatchpostError} as readBytes.
 */
export const readAhead = async (c: Context<Served>): Promise<Buffer> => {
  const { most } = c.get('receiving');
  const bytes = await readBytes(
    c,
    most,
    () => new WatchpostError('body_too_large', `A body may have ${Math.floor(most / 1024 / 1024)} MB here.`),
  );
  c.set('body', bytes);
  return bytes;
};

/** The pieces of a body as they arrive; throws body_too_slow at `dueAt`. */
async function* piecesUntil(c: Context<Served>, dueAt: number): AsyncGenerator<Uint8Array> {
  // Never cancelled, as that would close the connection before the call is answered.
  const reader = c.req.raw.body?.getReader();
  if (!reader) return;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new WatchpostError('body_too_slow', 'The body did not arrive in time.')),
      Math.max(dueAt - Date.now(), 0),
    );
  });
  late.catch(() => {});
  const brokenOff = (cause: unknown) => {
    throw new WatchpostError('body_invalid', 'The body broke off.', { cause });
  };
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read().catch(brokenOff), late]);
      if (done) return;
      yield value;
    }
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Reads a JSON body and validates it.
 *
 * @throws {WatchpostError} body_empty, body_invalid with every issue, and what readBytes throws.
 */
export const readJson = async <T>(
  c: Context<Served>,
  schema: z.ZodType<T>,
  maxBytes: number = limits.jsonBytes.max,
): Promise<T> => parseAs(schema, parseJson(await readJsonBytes(c, maxBytes)));

/** As readJson; no body is the same as `{}`. */
export const readOptionalJson = async <T>(c: Context<Served>, schema: z.ZodType<T>): Promise<T> => {
  const bytes = await readJsonBytes(c, limits.jsonBytes.max);
  return parseAs(schema, bytes.length === 0 ? {} : parseJson(bytes));
};

const readJsonBytes = (c: Context<Served>, maxBytes: number): Promise<Buffer> =>
  readBytes(
    c,
    maxBytes,
    () => new WatchpostError('body_too_large', `The JSON of this call may have ${maxBytes / 1024} kB.`),
  );

/**
 * Validates the query of a call.
 *
 * @throws {WatchpostError} query_invalid, field_repeated; or what parseAs throws.
 */
export const readQuery = <T>(c: Context<Served>, schema: z.ZodType<T>): T => {
  const twice = Object.entries(c.req.queries()).find(([, values]) => values.length > 1);
  if (twice) {
    throw new WatchpostError(
      'field_repeated',
      `The query has ${shortened(twice[0], echoMax)} more than once.`,
    );
  }
  return parseAs(schema, c.req.query(), 'query_invalid');
};

/** The code of an error in a field; without a field: in the whole value. */
type CodeOf = (field?: string) => ProblemCode;

/**
 * Validates a value that a caller sent.
 *
 * @param code of the error, unless all issues have one and the same code of their own; see codeOf.
 * @throws {WatchpostError} whose message has every issue.
 */
export const parseAs = <T>(
  schema: z.ZodType<T>,
  value: unknown,
  code: ProblemCode | CodeOf = 'body_invalid',
): T => {
  const codeIn: CodeOf = typeof code === 'string' ? () => code : code;
  if (!isStorable(value)) {
    throw new WatchpostError(
      codeIn(),
      'Text may hold neither the character U+0000 nor half of a surrogate pair.',
    );
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const codes = new Set(issues.map((issue) => codeOf(issue) ?? codeIn(fieldOf(issue))));
  const [only = codeIn()] = codes;
  const sentences = issues.map((issue) => sentenceOf(issue, schema));
  throw new WatchpostError(
    codes.size === 1 ? only : codeIn(),
    `${shortened(sentences.join('. '), echoMax)}.`,
  );
};

const fieldOf = (issue: z.core.$ZodIssue): string =>
  String(issue.code === 'unrecognized_keys' ? issue.keys[0] : issue.path[0]);

const sentenceOf = (issue: z.core.$ZodIssue, schema: z.ZodType): string => {
  if (issue.code === 'unrecognized_keys' && issue.path.length === 0 && schema instanceof z.ZodObject) {
    return issue.keys.map((key) => unknownField(key, Object.keys(schema.shape))).join('. ');
  }
  return [issue.path.join('.'), issue.message].filter(Boolean).join(': ');
};

const unknownField = (key: string, known: string[]): string => {
  const nearest = nearestName(key, known);
  if (nearest) return `There is no field ${JSON.stringify(key)} here; ${nearest} was probably meant`;
  return `There is no field ${JSON.stringify(key)} here; ${known.length > 0 ? `the fields are ${known.join(', ')}` : 'this call takes none'}`;
};

/** Most characters that an error repeats of what the caller sent. */
const echoMax = 1000;

const childrenOf = (value: unknown): unknown[] =>
  typeof value === 'object' && value !== null ? Object.values(value) : [];

/** Whether Postgres can store every text in a value. */
const isStorable = (value: unknown): boolean =>
  typeof value === 'string'
    ? !value.includes('\0') && value.isWellFormed()
    : [...Object.keys(value ?? {}), ...childrenOf(value)].every(isStorable);

/**
 * The UUID in the path of a call, in lower case.
 *
 * @throws {WatchpostError} id_invalid.
 */
export const idIn = (c: Context<Served>, parameter = 'id'): string => {
  const id = c.req.param(parameter) ?? '';
  if (z.guid().safeParse(id).success) return id.toLowerCase();
  throw new WatchpostError('id_invalid', `${JSON.stringify(shortened(id, echoMax))} is not a UUID.`);
};
