/**
 * The limits on size and cost of every input. All limits are in this table and nowhere else: `docs/limits.md` is
 * generated from it, and the tests in `test/limits` try each of them at its largest value and one beyond.
 *
 * This file imports nothing, so that every layer can import it.
 */

/** Where a limit is enforced. */
type Layer = 'api' | 'vision' | 'database' | 'command line';

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
  /** The error code (see errors.ts) of a value that exceeds it. */
  readonly code: string;
  readonly at: readonly Layer[];
  /** What the limit applies to, and why, in one sentence. */
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
    what: 'The file of one photo, as submitted.',
    setting: 'WATCHPOST_MAX_BODY_MB',
  },
  storedPhotoBytes: {
    min: 1,
    max: 100 * mebibyte,
    unit: 'bytes',
    code: 'body_too_large',
    at: ['database', 'command line'],
    what: 'The file of one photo that is submitted by INSERT or on the command line; also the largest value of the setting for photoBytes.',
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
    what: 'The longer side divided by the shorter one; in a narrower photo, reduced to 1280 pixels, there is no room for a face of the least usable height (48 pixels).',
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
    what: 'Memory that a decoder needs for one photo, estimated from its header: for an interlaced PNG, a progressive JPEG, a lossless WebP, an AVIF or a HEIC it is the whole picture. Six bytes for each pixel of photoPixels: a progressive JPEG without subsampling, or an interlaced PNG of 16 bits.',
    setting: 'WATCHPOST_MAX_MEGAPIXELS',
  },
  decodingBytes: {
    max: 512 * mebibyte,
    unit: 'bytes',
    code: 'image_too_costly',
    at: ['vision'],
    what: 'The sum of decodedBytes of all photos that one process decodes at a time; further photos wait. A photo that is larger by itself is decoded alone.',
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
    what: 'Time to decode one photo; a decoder that takes longer is stopped at its next row.',
  },

  jsonBytes: {
    max: 65_536,
    unit: 'bytes',
    code: 'body_too_large',
    at: ['api'],
    what: 'The JSON body of a call, except calls with a photo or a list of payloads.',
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
    what: 'Nesting of objects and arrays in a JSON body.',
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
    what: 'Parts of a multipart form; no call has more than five fields.',
  },
  fieldBytes: {
    max: 16_384,
    unit: 'bytes',
    code: 'body_invalid',
    at: ['api'],
    what: 'One field of a multipart form other than the photo, and the headers of one part.',
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
    what: 'Bodies of all calls that one process handles at a time, including copies: a form counts twice, a photo in JSON four times. A single call is accepted whatever its size.',
  },
  bodySeconds: {
    max: 120,
    unit: 'seconds',
    code: 'body_too_slow',
    at: ['api'],
    what: 'From the headers of a call to the end of its body.',
  },
  fetchSeconds: {
    max: 20,
    unit: 'seconds',
    code: 'photo_url_failed',
    at: ['api'],
    what: 'Fetching a photo by its URL, from finding the address to the last byte.',
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
    what: 'How long a connection may be idle while a call is answered, so that a client that does not read its answer cannot hold the connection for longer.',
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
    what: 'Streams of alerts and events that one process keeps open.',
  },
  streamsPerKey: {
    max: 20,
    unit: 'streams',
    code: 'streams_full',
    at: ['api'],
    what: 'Streams of one API key, at all processes together, unless the key has its own limit.',
  },
  keyLimits: {
    min: 1,
    max: 1_000_000,
    unit: 'items',
    code: 'limit_invalid',
    at: ['api', 'database', 'command line'],
    what: 'The limits of one API key: its calls a minute, its streams, its photos that wait.',
  },

  searchesAtATime: {
    max: 4,
    unit: 'items',
    code: 'none: the call waits',
    at: ['api'],
    what: 'Photos that one process searches, compares or looks through at the same time.',
  },
  searchesWaiting: {
    max: 32,
    unit: 'items',
    code: 'search_busy',
    at: ['api'],
    what: 'Further ones that wait for a turn.',
  },
  facesSearched: {
    max: 100,
    unit: 'items',
    code: 'none: the smallest are left out, and counted in the answer',
    at: ['api', 'command line'],
    what: 'Faces of one photo that are searched, the largest ones.',
  },
  facesCompared: {
    max: 20,
    unit: 'items',
    code: 'none: the smallest are left out, and counted in the answer',
    at: ['api', 'command line'],
    what: 'Faces of each of two photos that are compared, the largest ones.',
  },

  nameCharacters: {
    min: 1,
    max: 200,
    unit: 'characters',
    code: 'name_invalid',
    at: ['api', 'database', 'command line'],
    what: 'Names of people, watchlists, cameras, endpoints, bridges and API keys, locations and zones: one line without control characters and without white space at its ends.',
  },
  tokenCharacters: {
    min: 1,
    max: 255,
    unit: 'characters',
    code: 'token_invalid',
    at: ['api', 'database', 'command line'],
    what: 'Identifiers that another system chooses (external_ref, idempotency keys) and names of callers (submitted_by, reviewers): no control characters.',
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
    what: 'The URL of an endpoint or a bridge.',
  },
  templateCharacters: {
    min: 1,
    max: 2000,
    unit: 'characters',
    code: 'template_invalid',
    at: ['api', 'database', 'command line'],
    what: 'The title or the text of the messages of an endpoint, as a template.',
  },
  credentialCharacters: {
    min: 1,
    max: 2000,
    unit: 'characters',
    code: 'credential_invalid',
    at: ['api', 'command line'],
    what: 'The token, password or key of an endpoint or a bridge.',
  },
  metadataBytes: {
    max: 16_384,
    unit: 'bytes',
    code: 'metadata_invalid',
    at: ['api', 'database', 'command line'],
    what: "A person's metadata, as Postgres writes it as text.",
  },
  metadataDepth: {
    max: 32,
    unit: 'levels',
    code: 'metadata_invalid',
    at: ['api', 'database', 'command line'],
    what: "Nesting of objects and arrays in a person's metadata.",
  },

  capturedEarliest: {
    min: '1826-01-01T00:00:00Z',
    max: '9999-12-31T23:59:59.999Z',
    unit: 'time',
    code: 'time_invalid',
    at: ['api', 'database', 'command line'],
    what: 'captured_at: not before photography was invented.',
  },
  capturedAheadSeconds: {
    max: 86_400,
    unit: 'seconds',
    code: 'time_invalid',
    at: ['api', 'database', 'command line'],
    what: "How far captured_at may be in the future when a photo is submitted. A photo from 2099 would be a person's latest location for ever; a day allows for every clock set to a wrong time zone.",
  },
  times: {
    min: '1826-01-01T00:00:00Z',
    max: '9999-12-31T23:59:59.999Z',
    unit: 'time',
    code: 'time_invalid',
    at: ['api', 'database', 'command line'],
    what: 'Every other time (valid_from, valid_until, since): JavaScript and JSON cannot represent later times or infinity.',
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
