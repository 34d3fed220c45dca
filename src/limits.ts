/**
 * What one input may cost or hold. Every limit of Watchpost is in this table and nowhere else; `docs/limits.md` is made
 * from it, and the tests in `test/limits` hold each of them at its largest value and one beyond.
 *
 * This file imports nothing, so that every layer may read it.
 */

/** Where a limit is enforced. */
export type Layer = 'api' | 'vision' | 'database' | 'command line';

/** One limit. */
export interface Limit {
  /** The largest value that is accepted, in `unit`; a time in ISO 8601 for the unit `time`. */
  readonly max: number | string;
  /** The smallest value that is accepted, where there is one. */
  readonly min?: number | string;
  readonly unit:
    | 'bytes'
    | 'pixels'
    | 'ratio'
    | 'scans'
    | 'seconds'
    | 'levels'
    | 'parts'
    | 'items'
    | 'characters'
    | 'streams'
    | 'connections'
    | 'time';
  /** The code in `errors.ts` that what exceeds it gets. */
  readonly code: string;
  readonly at: readonly Layer[];
  /** What it applies to and why, in one sentence. */
  readonly what: string;
  /** The setting that changes it. */
  readonly setting?: string;
}

const mebibyte = 1024 * 1024;

export const limits = {
  photoBytes: {
    min: 1,
    max: 20 * mebibyte,
    unit: 'bytes',
    code: 'body_too_large',
    at: ['api'],
    what: 'The file of one photo, as it is handed in.',
    setting: 'WATCHPOST_MAX_BODY_MB',
  },
  storedPhotoBytes: {
    min: 1,
    max: 100 * mebibyte,
    unit: 'bytes',
    code: 'body_too_large',
    at: ['database', 'command line'],
    what: 'The file of one photo that comes by INSERT or by the command line; also the most that the setting for photoBytes takes.',
  },
  photoSide: {
    min: 1,
    max: 30_000,
    unit: 'pixels',
    code: 'image_too_long',
    at: ['api', 'vision'],
    what: 'Width and height of a photo; the longest panoramas of phones have 16,382.',
  },
  photoAspect: {
    max: 25,
    unit: 'ratio',
    code: 'image_too_narrow',
    at: ['api', 'vision'],
    what: 'The longer side by the shorter one; in a narrower photo, reduced to 1280 pixels, a face of the least usable height (48 pixels) has no room.',
  },
  photoPixels: {
    max: 64_000_000,
    unit: 'pixels',
    code: 'image_too_many_pixels',
    at: ['api', 'vision'],
    what: 'Width times height of a photo.',
    setting: 'WATCHPOST_MAX_MEGAPIXELS',
  },
  decodedBytes: {
    max: 6 * 64_000_000,
    unit: 'bytes',
    code: 'image_too_costly',
    at: ['api', 'vision'],
    what: 'Memory that a decoder holds for one photo, estimated from its header: of an interlaced PNG, a progressive JPEG, a WebP or a photo to be rotated it is the whole picture. Six bytes for each pixel of photoPixels: a progressive JPEG without subsampling, or an interlaced PNG of 16 bits.',
    setting: 'WATCHPOST_MAX_MEGAPIXELS',
  },
  decodingBytes: {
    max: 512 * mebibyte,
    unit: 'bytes',
    code: 'image_too_costly',
    at: ['vision'],
    what: 'decodedBytes of all photos that one process decodes at a time; what is beyond waits for its turn. A photo that is larger by itself is decoded alone.',
  },
  photoScans: {
    max: 100,
    unit: 'scans',
    code: 'image_too_costly',
    at: ['api', 'vision'],
    what: 'Scans of a progressive JPEG, each of which passes over the whole picture; encoders write about ten.',
  },
  decodingSeconds: {
    max: 15,
    unit: 'seconds',
    code: 'image_too_slow',
    at: ['vision'],
    what: 'Decoding one photo; a decoder that takes longer is stopped at its next row.',
  },

  jsonBytes: {
    max: 65_536,
    unit: 'bytes',
    code: 'body_too_large',
    at: ['api'],
    what: 'A JSON body of a call that takes no photo and no list of payloads.',
  },
  tasksBytes: {
    max: mebibyte,
    unit: 'bytes',
    code: 'body_too_large',
    at: ['api'],
    what: 'The JSON body of POST /v1/tasks/{task}, which takes many payloads.',
  },
  jsonDepth: {
    max: 40,
    unit: 'levels',
    code: 'body_invalid',
    at: ['api'],
    what: 'Objects and arrays within each other in a JSON body.',
  },
  jsonValues: {
    max: 10_000,
    unit: 'items',
    code: 'body_invalid',
    at: ['api'],
    what: 'Values in a JSON body, counted by its commas and opening brackets.',
  },
  listItems: {
    max: 1000,
    unit: 'items',
    code: 'body_invalid',
    at: ['api', 'command line'],
    what: 'Entries of a list in a call: payloads of a task, watchlists of a person or an endpoint.',
  },
  formParts: {
    max: 20,
    unit: 'parts',
    code: 'body_invalid',
    at: ['api'],
    what: 'Parts of a multipart form; no call knows more than five fields.',
  },
  fieldBytes: {
    max: 16_384,
    unit: 'bytes',
    code: 'body_invalid',
    at: ['api'],
    what: 'One field of a multipart form that is not the photo; of the headers of a part no more is read.',
  },
  headerBytes: {
    max: 16_384,
    unit: 'bytes',
    code: 'header_invalid',
    at: ['api'],
    what: 'The address of a call and the names and values of its headers.',
  },
  bytesInFlight: {
    max: 256 * mebibyte,
    unit: 'bytes',
    code: 'server_busy',
    at: ['api'],
    what: 'Bodies of all calls that one process answers at a time, with the copies that it makes of them: a form counts twice, a photo in JSON four times. A call that is alone is taken whatever it holds.',
  },
  bodySeconds: {
    max: 120,
    unit: 'seconds',
    code: 'body_too_slow',
    at: ['api'],
    what: 'From the headers of a call to the end of its body.',
  },
  headersSeconds: {
    max: 20,
    unit: 'seconds',
    code: 'body_too_slow',
    at: ['api'],
    what: 'From the beginning of a call to the end of its headers.',
  },
  silentSeconds: {
    max: 300,
    unit: 'seconds',
    code: 'none: the connection is closed',
    at: ['api'],
    what: 'How long a connection may carry nothing while a call is answered: who does not read an answer holds it no longer than that.',
  },
  keepAliveSeconds: {
    max: 5,
    unit: 'seconds',
    code: 'none: the connection is closed',
    at: ['api'],
    what: 'How long a connection stays open between two calls.',
  },
  connections: {
    max: 1000,
    unit: 'connections',
    code: 'none: the connection is closed',
    at: ['api'],
    what: 'Connections to the API of one process; further ones are closed at once.',
  },
  streams: {
    max: 100,
    unit: 'streams',
    code: 'streams_full',
    at: ['api'],
    what: 'Streams of alerts that one process keeps open.',
  },
  streamsPerKey: {
    max: 20,
    unit: 'streams',
    code: 'streams_full',
    at: ['api'],
    what: 'Streams of alerts of one API key.',
  },

  nameCharacters: {
    min: 1,
    max: 200,
    unit: 'characters',
    code: 'name_invalid',
    at: ['api', 'database', 'command line'],
    what: 'Names of people, watchlists, cameras, endpoints and API keys, locations and zones: one line without control characters and without white space at its ends.',
  },
  tokenCharacters: {
    min: 1,
    max: 255,
    unit: 'characters',
    code: 'token_invalid',
    at: ['api', 'database', 'command line'],
    what: 'Words that another system chooses (external_ref, idempotency keys) or that name who acts (submitted_by, reviewers): no control characters.',
  },
  textCharacters: {
    max: 2000,
    unit: 'characters',
    code: 'text_too_long',
    at: ['api', 'database', 'command line'],
    what: 'Notes, reasons and the purpose of a watchlist.',
  },
  urlCharacters: {
    min: 1,
    max: 2000,
    unit: 'characters',
    code: 'url_invalid',
    at: ['api', 'database', 'command line'],
    what: 'The URL of an endpoint.',
  },
  metadataBytes: {
    max: 16_384,
    unit: 'bytes',
    code: 'metadata_invalid',
    at: ['api', 'database', 'command line'],
    what: "A person's metadata, as the text that Postgres writes for it.",
  },
  metadataDepth: {
    max: 32,
    unit: 'levels',
    code: 'metadata_invalid',
    at: ['api', 'database', 'command line'],
    what: "Objects and arrays within each other in a person's metadata.",
  },

  capturedEarliest: {
    min: '1826-01-01T00:00:00Z',
    max: '9999-12-31T23:59:59.999Z',
    unit: 'time',
    code: 'time_invalid',
    at: ['api', 'database', 'command line'],
    what: 'captured_at: not before photography.',
  },
  capturedAheadSeconds: {
    max: 86_400,
    unit: 'seconds',
    code: 'time_invalid',
    at: ['api', 'database', 'command line'],
    what: "How far captured_at may lie ahead of the clock when a photo is handed in: a photo from 2099 would be somebody's latest location for ever, and a day covers every clock set to a wrong zone.",
  },
  times: {
    min: '1826-01-01T00:00:00Z',
    max: '9999-12-31T23:59:59.999Z',
    unit: 'time',
    code: 'time_invalid',
    at: ['api', 'database', 'command line'],
    what: 'Every other time that is given (valid_from, valid_until, since): JavaScript and JSON can not write what lies beyond, nor infinity.',
  },
  intervalSeconds: {
    min: 0,
    max: 31_536_000,
    unit: 'seconds',
    code: 'interval_invalid',
    at: ['api', 'database', 'command line'],
    what: 'Cool-downs and times to live: a year at most.',
  },
} as const satisfies Record<string, Limit>;

/** The name of a limit. */
export type LimitName = keyof typeof limits;
