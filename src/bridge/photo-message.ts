import { createHash } from 'node:crypto';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { capturedAt, searchWord, token } from '../fields.ts';
import { decodeBase64, mostBase64 } from '../intake/index.ts';
import { limits } from '../limits.ts';
import type { Received } from './bridge.ts';

/** A message, read: a photo or where it is, and what is said about it. */
export interface PhotoMessage {
  /** The same whenever the message is delivered again. */
  readonly idempotencyKey: string;
  readonly photo: Buffer | { readonly url: string };
  readonly camera: string | undefined;
  readonly capturedAt: string | undefined;
}

const fields = z.object({
  image: z.unknown(),
  url: z.string().max(limits.urlCharacters.max).optional(),
  camera: searchWord.optional(),
  captured_at: capturedAt.optional(),
});

/** Also what a CloudEvent has: its time, and the extension camera. */
const attributes = z.object({
  id: z.string().max(1000).optional(),
  source: z.string().max(2000).optional(),
  camera: searchWord.optional(),
  time: capturedAt.optional(),
});

/** The largest message, whose photo may be base64 in JSON. */
export const mostMessageBytes = (maxPhotoBytes: number): number => mostBase64(maxPhotoBytes);

/**
 * Reads a message: a CloudEvent in structured or binary mode, JSON with `image` (base64) or `url`, or the bytes of a photo.
 *
 * @throws {WatchpostError} body_empty, body_too_large, body_invalid, time_invalid, token_invalid.
 */
export const readPhotoMessage = (message: Received, maxPhotoBytes: number): PhotoMessage => {
  const { body } = message;
  if (body.length === 0) throw new WatchpostError('body_empty', 'The message is empty.');
  if (body.length > mostMessageBytes(maxPhotoBytes)) throw tooLarge(maxPhotoBytes);
  if (message.invalid !== undefined) throw new WatchpostError('body_invalid', message.invalid);
  const event = eventIn(message);
  const given = parse(attributes, event.attributes);
  const { image, ...said } = 'bytes' in event ? { image: event.bytes } : parse(fields, event.data);
  const photo = photoIn(image, 'url' in said ? said.url : undefined);
  if (Buffer.isBuffer(photo) && photo.length > maxPhotoBytes) throw tooLarge(maxPhotoBytes);
  return {
    idempotencyKey: keyOf(message, given),
    photo,
    camera: ('camera' in said ? said.camera : undefined) ?? given.camera,
    capturedAt: ('captured_at' in said ? said.captured_at : undefined) ?? given.time,
  };
};

/** By CloudEvents source and id are the event's identity; without both it is the id of the message, or else its content. */
const keyOf = (
  { id, body }: Received,
  { id: eventId, source }: { id?: string | undefined; source?: string | undefined },
): string => {
  const named = eventId === undefined ? id : [source, eventId].filter(Boolean).join(' ');
  const key = token.safeParse(named);
  if (key.success) return key.data;
  return createHash('sha256')
    .update(named ?? body)
    .digest('hex');
};

const photoIn = (image: unknown, url: string | undefined): PhotoMessage['photo'] => {
  if (Buffer.isBuffer(image)) return image;
  if (image !== undefined) return decodeBase64(textOf(image), 'image');
  if (url !== undefined) return { url };
  throw new WatchpostError('body_invalid', 'The message has neither image nor url.', {
    hint: 'Send the bytes of a photo, or JSON with image (base64) or url.',
  });
};

/** Celery writes bytes as {"__type__": "bytes", "__value__": base64}. */
const textOf = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && '__value__' in value ? value.__value__ : value;

type Content = { attributes: Record<string, unknown> } & ({ bytes: Buffer } | { data: unknown });

const eventIn = ({ contentType, headers, body }: Received): Content => {
  const all: Record<string, unknown> = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase().replace(headerOf, ''), value]),
  );
  const type = mediaTypeOf(contentType ?? all['content-type'] ?? all.datacontenttype);
  // Of a message that is no CloudEvent, source and time may mean something else.
  const { id, camera, captured_at: time } = all;
  const inHeaders = 'specversion' in all ? all : { id, camera, time };
  // A photo begins with none of these characters, so that JSON without a type is recognised, too.
  const isJson =
    type.endsWith('json') || (!type.startsWith('image/') && /^\s*\{/.test(body.toString('latin1', 0, 64)));
  if (!isJson) return { attributes: inHeaders, bytes: body };
  const json = parseJson(body);
  if (!('specversion' in json)) return { attributes: inHeaders, data: json };
  if (typeof json.data_base64 === 'string') {
    const bytes = decodeBase64(json.data_base64, 'data_base64');
    const isPhoto = !mediaTypeOf(json.datacontenttype).endsWith('json');
    return isPhoto ? { attributes: json, bytes } : { attributes: json, data: parseJson(bytes) };
  }
  return { attributes: json, data: json.data ?? {} };
};

const headerOf = /^(ce[-_]|cloudevents[:_])/;

const mediaTypeOf = (type: unknown): string =>
  String(type ?? '')
    .split(';')[0]
    ?.trim()
    .toLowerCase() ?? '';

const parseJson = (body: Buffer): Record<string, unknown> => {
  try {
    return parse(z.record(z.string(), z.unknown()), JSON.parse(body.toString('utf8')));
  } catch (error) {
    if (error instanceof WatchpostError) throw error;
    throw new WatchpostError('body_invalid', 'The message is not JSON.', { cause: error });
  }
};

const parse = <T>(schema: z.ZodType<T>, value: unknown): T => {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new WatchpostError('body_invalid', `${issue?.path.join('.') || 'The message'}: ${issue?.message}.`);
};

const tooLarge = (maxBytes: number) =>
  new WatchpostError('body_too_large', `A photo may have ${Math.round(maxBytes / 1024 / 1024)} MB here.`, {
    hint: 'WATCHPOST_MAX_BODY_MB sets the limit.',
  });
