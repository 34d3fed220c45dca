import type { Context } from 'hono';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { decodeBase64, mostBase64 } from '../intake/index.ts';
import { formatNames } from '../vision/format.ts';
import { parseAs, readBytes, readQuery } from './body.ts';
import { formOverhead, parseForm } from './form.ts';
import { parseJson } from './json.ts';
import { shortened } from './problem.ts';
import type { Served } from './services.ts';

/** The photos in the body of a call, and the fields sent with them. */
interface Photos<Name extends string, Fields> {
  readonly photos: Readonly<Record<Name, Buffer>>;
  readonly fields: Fields;
}

/** Fetches a photo. */
type ByUrl = (url: string) => Promise<Buffer>;

/** What a body holds, before anything of it is validated. */
interface Parts {
  /** The photos that are there, by their fields. */
  readonly photos: ReadonlyMap<string, Buffer>;
  readonly fields: Record<string, unknown>;
}

/**
 * Reads a photo from a body of one of three types: a multipart form with a file in the field `image`, the raw bytes, or
 * JSON with base64 in the key `image`. The other fields may be in the query, in the form, or in the JSON, each once.
 *
 * @param schema validates the other fields.
 * @param byUrl fetches a photo that JSON gives by the key `url` instead of `image`; undefined: that is no key.
 * @throws {WatchpostError} body_empty, body_invalid, body_too_large, media_type_unsupported; query_invalid for fields
 *   in the query; field_repeated, also for a field in both; server_busy, body_too_slow.
 */
export const readPhotoBody = async <Fields>(
  c: Context<Served>,
  maxBytes: number,
  schema: z.ZodType<Fields>,
  byUrl?: ByUrl,
): Promise<{ readonly bytes: Buffer; readonly fields: Fields }> => {
  const { photos, fields } = await readPhotos(c, ['image'], maxBytes, schema, byUrl);
  return { bytes: photos.image, fields };
};

/**
 * The same for several photos, or for photos in other fields than `image`. Raw bytes are a photo where one is expected.
 *
 * @param names of the fields that are photos; each has to be there.
 * @param maxBytes of each photo.
 */
export const readPhotos = async <Name extends string, Fields>(
  c: Context<Served>,
  names: readonly Name[],
  maxBytes: number,
  schema: z.ZodType<Fields>,
  byUrl?: ByUrl,
): Promise<Photos<Name, Fields>> => {
  const inQuery = readQuery(c, anyFields);
  const { photos, fields: inBody } = await fetched(c, await readParts(c, names, maxBytes), maxBytes, byUrl);
  for (const name of names) assertPhoto(photos.get(name), name, maxBytes);
  const twice = Object.keys(inBody).find((name) => Object.hasOwn(inQuery, name));
  if (twice !== undefined) {
    throw new WatchpostError('field_repeated', `${shortened(twice, 100)} is in the query and in the body.`);
  }
  const fields = { ...inQuery, ...parseAs(texts, inBody) };
  return {
    photos: Object.fromEntries(photos) as Record<Name, Buffer>,
    fields: parseAs(schema, fields, (field) =>
      Object.hasOwn(inQuery, field ?? '') ? 'query_invalid' : 'body_invalid',
    ),
  };
};

/** The parts with the photo that JSON names by its URL, if that is allowed and there is no other. */
const fetched = async (c: Context<Served>, parts: Parts, maxBytes: number, byUrl?: ByUrl): Promise<Parts> => {
  const { url, ...fields } = parts.fields;
  if (!byUrl || !isJson(c) || parts.photos.size > 0 || typeof url !== 'string') return parts;
  c.get('receiving').hold.growTo(maxBytes);
  return { photos: new Map([['image', await byUrl(url)]]), fields };
};

const assertPhoto = (photo: Buffer | undefined, name: string, maxBytes: number): void => {
  if (!photo) throw new WatchpostError('body_invalid', `The body has no photo in the field or key ${name}.`);
  if (photo.length === 0) {
    throw new WatchpostError('body_empty', 'The call carries no photo.', {
      hint: `Send the bytes of a ${formatNames} file.`,
    });
  }
  if (photo.length > maxBytes) throw tooLarge(maxBytes)();
};

const mediaType = (c: Context<Served>): string =>
  (c.req.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';

const isJson = (c: Context<Served>): boolean => mediaType(c) === 'application/json';

const anyFields = z.record(z.string(), z.string());

const tooLarge = (maxBytes: number) => () =>
  new WatchpostError('body_too_large', `A photo may have ${Math.round(maxBytes / 1024 / 1024)} MB here.`, {
    hint: 'WATCHPOST_MAX_BODY_MB sets the limit.',
  });

/**
 * The photos and fields of a body, as they were sent.
 *
 * @param names of the fields that may be photos.
 * @param maxBytes of each photo.
 * @param most photos that are expected, which bounds the body.
 * @throws as readPhotoBody does, but for the query.
 */
export const readParts = async (
  c: Context<Served>,
  names: readonly string[],
  maxBytes: number,
  most: number = names.length,
): Promise<Parts> => {
  const type = mediaType(c);
  if (type === 'multipart/form-data') return readForm(c, names, maxBytes, most);
  if (isJson(c)) return readBase64(c, names, maxBytes, most);
  const [only, ...others] = names;
  const isAlone = only !== undefined && others.length === 0;
  if (isAlone && (type.startsWith('image/') || type === 'application/octet-stream')) {
    return { photos: new Map([[only, await readBytes(c, maxBytes, tooLarge(maxBytes))]]), fields: {} };
  }
  if (Number(c.req.header('content-length') ?? 0) === 0 && !c.req.header('transfer-encoding')) {
    return { photos: new Map(names.map((name) => [name, Buffer.alloc(0)])), fields: {} };
  }
  const inFields = `a file in the field ${names.join(', and one in ')}`;
  const inKeys = `base64 in the key ${names.join(', and in ')}`;
  throw new WatchpostError(
    'media_type_unsupported',
    `A photo cannot be sent as ${type.slice(0, 100) || 'a body without a type'}.`,
    {
      hint: `Use multipart/form-data with ${inFields}, ${isAlone ? 'or image/jpeg with the raw bytes, ' : ''}or application/json with ${inKeys}.`,
    },
  );
};

const readForm = async (
  c: Context<Served>,
  names: readonly string[],
  maxBytes: number,
  expected: number,
): Promise<Parts> => {
  // Twice in memory: the form and the files copied out of it.
  const body = await readBytes(c, expected * maxBytes + formOverhead, tooLarge(maxBytes), 2);
  const { files, fields } = await parseForm(body, c.req.header('content-type') ?? '', names);
  return { photos: files, fields };
};

/** A list of texts becomes one text with commas, as it is in a form and in a query. */
const texts = z.record(
  z.string(),
  z
    .union(
      [z.string(), z.number(), z.boolean(), z.array(z.string()).transform((list) => list.join(','))],
      'give text, a number, true or false, or a list of texts',
    )
    .transform(String),
);

const readBase64 = async (
  c: Context<Served>,
  names: readonly string[],
  maxBytes: number,
  expected: number,
): Promise<Parts> => {
  const most = mostBase64(maxBytes, expected);
  // Four times in memory: the body, its text, the value in it, and the bytes that it decodes to.
  const body = await readBytes(c, most, tooLarge(maxBytes), 4);
  const json = parseAs(z.record(z.string(), z.unknown()), parseJson(body));
  const photos = new Map<string, Buffer>();
  for (const name of names) {
    if (!Object.hasOwn(json, name)) continue;
    photos.set(name, decodeBase64(json[name], name));
    delete json[name];
  }
  return { photos, fields: json };
};
