import type { Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import { type ProblemCode, WatchpostError } from '../errors.ts';
import type { Served } from './app.ts';

/** A photo as it was handed in, with the words that came with it. */
export interface HandedIn<Fields = Record<string, string>> {
  readonly bytes: Buffer;
  readonly fields: Fields;
}

/** Refuses larger bodies before they are read; base64 makes three bytes four. */
export const limitBody = (maxBytes: number) =>
  bodyLimit({
    maxSize: Math.ceil((maxBytes * 4) / 3) + 4096,
    onError: () => {
      throw tooLarge(maxBytes);
    },
  });

const tooLarge = (maxBytes: number) =>
  new WatchpostError('body_too_large', `A photo may have ${Math.round(maxBytes / 1024 / 1024)} MB here.`, {
    hint: 'WATCHPOST_MAX_BODY_MB sets the limit.',
  });

const inJson = z.record(z.string(), z.union([z.string(), z.number()], 'give text or a number'));

/**
 * Reads a photo in any of three forms: multipart with a file in the field `image`, the raw bytes, or JSON with base64
 * in the key `image`. The other fields come from the form, the query or the other keys.
 *
 * @param schema of the other fields.
 * @throws {WatchpostError} body_empty, body_invalid, body_too_large, media_type_unsupported; query_invalid for fields
 *   in the query.
 */
export const readPhoto = async <Fields>(
  c: Context<Served>,
  maxBytes: number,
  schema: z.ZodType<Fields>,
): Promise<HandedIn<Fields>> => {
  const type = (c.req.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const handedIn = await readAs(type, c);
  if (handedIn.bytes.length === 0) {
    throw new WatchpostError('body_empty', 'The call carries no photo.', {
      hint: 'Send the bytes of a JPEG, PNG or WebP file.',
    });
  }
  if (handedIn.bytes.length > maxBytes) throw tooLarge(maxBytes);
  const source = type === 'multipart/form-data' || type === 'application/json' ? 'body' : 'query';
  return { bytes: handedIn.bytes, fields: parseAs(schema, handedIn.fields, `${source}_invalid`) };
};

const readAs = async (type: string, c: Context<Served>): Promise<HandedIn> => {
  if (type === 'multipart/form-data') return readForm(c);
  if (type === 'application/json') return readBase64(c);
  if (type.startsWith('image/') || type === 'application/octet-stream') {
    return { bytes: Buffer.from(await c.req.arrayBuffer()), fields: c.req.query() };
  }
  if (Number(c.req.header('content-length') ?? 0) === 0 && !c.req.header('transfer-encoding')) {
    return { bytes: Buffer.alloc(0), fields: {} };
  }
  throw new WatchpostError(
    'media_type_unsupported',
    `A photo can not be sent as ${type || 'a body without a type'}.`,
    {
      hint: 'Use multipart/form-data with a file in the field image, or image/jpeg with the raw bytes, or application/json with base64 in the key image.',
    },
  );
};

const readForm = async (c: Context<Served>): Promise<HandedIn> => {
  const form = await c.req.parseBody().catch(() => {
    throw new WatchpostError('body_invalid', 'The multipart form can not be read.');
  });
  const { image, ...others } = form;
  if (!(image instanceof File)) {
    throw new WatchpostError('body_invalid', 'The form has no file in the field image.');
  }
  const fields = Object.entries(others).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return { bytes: Buffer.from(await image.arrayBuffer()), fields: Object.fromEntries(fields) };
};

const readBase64 = async (c: Context<Served>): Promise<HandedIn> => {
  const { image, ...others } = await readJson(c, inJson);
  if (typeof image !== 'string') {
    throw new WatchpostError('body_invalid', 'The JSON has no photo in the key image, as base64.');
  }
  // Spaces go first: a pattern that allows them everywhere takes hours over a megabyte of them.
  const base64 = image.replace(/^data:[^,]*,/, '').replace(/\s+/g, '');
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(base64)) {
    throw new WatchpostError('body_invalid', 'The key image is not base64.');
  }
  const fields = Object.fromEntries(Object.entries(others).map(([key, value]) => [key, String(value)]));
  return { bytes: Buffer.from(base64, 'base64'), fields };
};

/**
 * A JSON body that fits a schema.
 *
 * @throws {WatchpostError} body_empty, body_invalid with every misfit.
 */
export const readJson = async <T>(c: Context<Served>, schema: z.ZodType<T>): Promise<T> => {
  const text = await c.req.text();
  if (text.trim() === '') throw new WatchpostError('body_empty', 'This call takes a JSON body.');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new WatchpostError('body_invalid', 'The body is not JSON.', { cause: error });
  }
  return parseAs(schema, value);
};

/**
 * A value that fits a schema.
 *
 * @param code what to call it if it does not.
 * @throws {WatchpostError} with that code and every misfit.
 */
export const parseAs = <T>(schema: z.ZodType<T>, value: unknown, code: ProblemCode = 'body_invalid'): T => {
  if (depthOf(value) > deepest) {
    throw new WatchpostError(code, `Values may be nested ${deepest} deep.`);
  }
  if (!isStorable(value)) {
    throw new WatchpostError(
      code,
      'Text may hold neither the character U+0000 nor half of a surrogate pair.',
    );
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const misfits = parsed.error.issues.map((issue) =>
    [issue.path.join('.'), issue.message].filter(Boolean).join(': '),
  );
  throw new WatchpostError(code, `${misfits.join('. ')}.`);
};

/** More levels than anybody's metadata has; a few thousand would overflow the stack. */
const deepest = 100;

const insideOf = (value: unknown): unknown[] =>
  typeof value === 'object' && value !== null ? Object.values(value) : [];

/** Levels of nesting, counted up to one more than is allowed. */
const depthOf = (value: unknown): number => {
  let depth = 0;
  for (let level = [value]; level.length > 0 && depth <= deepest; depth++) level = level.flatMap(insideOf);
  return depth;
};

/** Whether Postgres can keep every text in it. */
const isStorable = (value: unknown): boolean =>
  typeof value === 'string'
    ? !value.includes('\0') && value.isWellFormed()
    : [...Object.keys(value ?? {}), ...insideOf(value)].every(isStorable);

/**
 * The UUID in a path.
 *
 * @throws {WatchpostError} id_invalid.
 */
export const idIn = (c: Context<Served>, parameter = 'id'): string => {
  const id = c.req.param(parameter) ?? '';
  if (z.guid().safeParse(id).success) return id.toLowerCase();
  throw new WatchpostError('id_invalid', `${JSON.stringify(id)} is not a UUID.`);
};
