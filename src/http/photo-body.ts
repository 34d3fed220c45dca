import type { Context } from 'hono';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { limits } from '../limits.ts';
import { formatNames } from '../vision/format.ts';
import { parseAs, readBytes, readQuery } from './body.ts';
import { formOverhead, parseForm } from './form.ts';
import { parseJson } from './json.ts';
import { shortened } from './problem.ts';
import type { Served } from './services.ts';

/** The photo in the body of a call, and the fields sent with it. */
interface PhotoBody<Fields> {
  readonly bytes: Buffer;
  readonly fields: Fields;
}

/** As PhotoBody, before its fields are validated. */
interface RawPhotoBody {
  readonly bytes: Buffer;
  readonly fields: Record<string, unknown>;
}

/**
 * Reads a photo from a body of one of three types: a multipart form with a file in the field `image`, the raw bytes, or
 * JSON with base64 in the key `image`. The other fields may be in the query, in the form, or in the JSON, each once.
 *
 * @param schema validates the other fields.
 * @throws {WatchpostError} body_empty, body_invalid, body_too_large, media_type_unsupported; query_invalid for fields
 *   in the query; field_repeated, also for a field in both; server_busy, body_too_slow.
 */
export const readPhotoBody = async <Fields>(
  c: Context<Served>,
  maxBytes: number,
  schema: z.ZodType<Fields>,
): Promise<PhotoBody<Fields>> => {
  const inQuery = readQuery(c, anyFields);
  const { bytes, fields: inBody } = await readAs(c, maxBytes);
  if (bytes.length === 0) {
    throw new WatchpostError('body_empty', 'The call carries no photo.', {
      hint: `Send the bytes of a ${formatNames} file.`,
    });
  }
  if (bytes.length > maxBytes) throw tooLarge(maxBytes)();
  const twice = Object.keys(inBody).find((name) => Object.hasOwn(inQuery, name));
  if (twice !== undefined) {
    throw new WatchpostError('field_repeated', `${shortened(twice, 100)} is in the query and in the body.`);
  }
  const fields = { ...inQuery, ...inBody };
  return {
    bytes,
    fields: parseAs(schema, fields, (field) =>
      Object.hasOwn(inQuery, field ?? '') ? 'query_invalid' : 'body_invalid',
    ),
  };
};

const anyFields = z.record(z.string(), z.string());

const tooLarge = (maxBytes: number) => () =>
  new WatchpostError('body_too_large', `A photo may have ${Math.round(maxBytes / 1024 / 1024)} MB here.`, {
    hint: 'WATCHPOST_MAX_BODY_MB sets the limit.',
  });

const readAs = async (c: Context<Served>, maxBytes: number): Promise<RawPhotoBody> => {
  const type = (c.req.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === 'multipart/form-data') return readForm(c, maxBytes);
  if (type === 'application/json') return readBase64(c, maxBytes);
  if (type.startsWith('image/') || type === 'application/octet-stream') {
    return { bytes: await readBytes(c, maxBytes, tooLarge(maxBytes)), fields: {} };
  }
  if (Number(c.req.header('content-length') ?? 0) === 0 && !c.req.header('transfer-encoding')) {
    return { bytes: Buffer.alloc(0), fields: {} };
  }
  throw new WatchpostError(
    'media_type_unsupported',
    `A photo cannot be sent as ${type.slice(0, 100) || 'a body without a type'}.`,
    {
      hint: 'Use multipart/form-data with a file in the field image, or image/jpeg with the raw bytes, or application/json with base64 in the key image.',
    },
  );
};

const readForm = async (c: Context<Served>, maxBytes: number): Promise<RawPhotoBody> => {
  // Twice in memory: the form and the file copied out of it.
  const body = await readBytes(c, maxBytes + formOverhead, tooLarge(maxBytes), 2);
  const { image, fields } = await parseForm(body, c.req.header('content-type') ?? '');
  if (!image) throw new WatchpostError('body_invalid', 'The form has no file in the field image.');
  return { bytes: image, fields };
};

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

/** A list of texts becomes one text with commas, as it is in a form and in a query. */
const inJson = z.record(
  z.string(),
  z.union(
    [z.string(), z.number(), z.array(z.string()).transform((list) => list.join(','))],
    'give text, a number or a list of texts',
  ),
);

/**
 * The most bytes of a JSON body with a photo. Base64 has 4 characters for 3 bytes, line breaks add up to 6%, and the other
 * keys are JSON as elsewhere.
 */
export const mostBase64 = (maxBytes: number): number =>
  Math.ceil(maxBytes * (4 / 3) * 1.06) + limits.jsonBytes.max;

const readBase64 = async (c: Context<Served>, maxBytes: number): Promise<RawPhotoBody> => {
  const most = mostBase64(maxBytes);
  // Four times in memory: the body, its text, the value in it, and the bytes that it decodes to.
  const body = await readBytes(c, most, tooLarge(maxBytes), 4);
  const { image, ...others } = parseAs(inJson, parseJson(body));
  if (typeof image !== 'string') {
    throw new WatchpostError('body_invalid', 'The JSON has no photo in the key image, as base64.');
  }
  const base64 = image.replace(/^data:[^,]*,/, '');
  if (!isBase64(base64)) throw new WatchpostError('body_invalid', 'The key image is not base64.');
  const fields = Object.fromEntries(Object.entries(others).map(([key, value]) => [key, String(value)]));
  return { bytes: Buffer.from(base64, 'base64'), fields };
};
