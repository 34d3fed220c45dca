import { violationOf } from './violations.ts';
import { VisionError } from './vision/errors.ts';

/**
 * Every error a user can meet: its stable code, the HTTP status it has where HTTP is involved, a title that is the
 * same each time, and the SQLSTATE by which the database reports it, if it does.
 */
export const problems = {
  body_empty: { status: 400, title: 'The body is empty', sqlstate: 'WP001' },
  body_invalid: { status: 400, title: 'The body is not what this call takes' },
  query_invalid: { status: 400, title: 'The query is not what this call takes' },
  header_invalid: { status: 400, title: 'A header is not what this call takes' },
  body_too_large: { status: 413, title: 'The body is too large', sqlstate: 'WP070' },
  body_too_slow: { status: 408, title: 'The call did not arrive in time' },
  server_busy: { status: 503, title: 'The server holds as many bodies as it may' },
  request_malformed: { status: 400, title: 'The call is not HTTP' },
  media_type_unsupported: { status: 415, title: 'The body has a content type that this call does not take' },
  id_invalid: { status: 400, title: 'The id is not a UUID' },
  name_invalid: { status: 422, title: 'The name is not one' },
  token_invalid: { status: 422, title: 'The reference or key is not one', sqlstate: 'WP072' },
  text_too_long: { status: 422, title: 'The text is too long', sqlstate: 'WP073' },
  metadata_invalid: { status: 422, title: 'The metadata is too large or nested too deeply' },
  time_invalid: { status: 422, title: 'The time is out of range', sqlstate: 'WP071' },
  interval_invalid: { status: 422, title: 'The interval is out of range' },
  changed_meanwhile: { status: 409, title: 'Somebody else has changed what the call is about' },
  value_invalid: { status: 422, title: 'The database can not hold a value' },
  key_missing: { status: 401, title: 'The API key is missing' },
  key_invalid: { status: 401, title: 'The API key is wrong or revoked' },
  route_unknown: { status: 404, title: 'There is nothing at this address' },
  image_unknown: { status: 404, title: 'There is no such image' },
  face_unknown: { status: 404, title: 'There is no such face', sqlstate: 'WP037' },
  person_unknown: { status: 404, title: 'There is no such person', sqlstate: 'WP004' },
  watchlist_unknown: { status: 404, title: 'There is no such watchlist', sqlstate: 'WP062' },
  stranger_unknown: { status: 404, title: 'There is no such stranger', sqlstate: 'WP060' },
  stranger_named: { status: 409, title: 'The stranger is a person already', sqlstate: 'WP061' },
  strangers_invalid: { status: 400, title: 'Strangers can not be grouped like this', sqlstate: 'WP063' },
  photo_unknown: { status: 404, title: 'There is no such photo of a person', sqlstate: 'WP038' },
  task_unknown: { status: 404, title: 'There is no such task', sqlstate: 'WP065' },
  dead_letter_unknown: { status: 404, title: 'There is no such dead letter', sqlstate: 'WP007' },
  event_unknown: { status: 404, title: 'There is no event with this payload for this task' },
  camera_unknown: { status: 422, title: 'There is no such camera', sqlstate: 'WP002' },
  cannot_link_self: { status: 422, title: 'Nobody can be told apart from themselves', sqlstate: 'WP040' },
  match_ruled_out: { status: 409, title: 'Somebody has said that this is not them', sqlstate: 'WP041' },
  name_taken: { status: 409, title: 'The name or reference is taken' },
  idempotency_key_reused: {
    status: 409,
    title: 'The idempotency key belongs to another photo',
    sqlstate: 'WP003',
  },
  record_append_only: { status: 409, title: 'The record is never changed', sqlstate: 'WP020' },
  record_behind: { status: 500, title: 'The server is behind its own seals', sqlstate: 'WP022' },
  model_conflict: {
    status: 500,
    title: 'The model is registered with other weights',
    sqlstate: 'WP005',
  },

  describe_off: { status: 409, title: 'Age and gender are not estimated here', sqlstate: 'WP066' },

  image_empty: { status: 400, title: 'The photo is empty' },
  image_format_unsupported: { status: 415, title: 'The file is not a JPEG, PNG or WebP photo' },
  image_animated: { status: 415, title: 'The photo is animated' },
  image_too_many_pixels: { status: 422, title: 'The photo has too many pixels' },
  image_too_long: { status: 422, title: 'A side of the photo is too long' },
  image_too_narrow: { status: 422, title: 'The photo is too narrow' },
  image_too_costly: { status: 422, title: 'The photo takes too much to decode' },
  image_too_slow: { status: 422, title: 'The photo took too long to decode' },
  image_corrupt: { status: 422, title: 'The photo can not be decoded' },
  image_bytes_gone: { status: 410, title: 'The bytes of the photo were dropped' },
  image_unchangeable: { status: 409, title: 'A photo is never changed', sqlstate: 'WP008' },

  face_missing: { status: 422, title: 'The photo to enrol has no face' },
  faces_several: { status: 422, title: 'The photo to enrol has several faces', sqlstate: 'WP036' },
  face_not_there: { status: 422, title: 'The photo to enrol has no face of that number' },
  face_small: { status: 422, title: 'The face to enrol is too small' },
  face_low_score: { status: 422, title: 'The detector is not sure of the face to enrol' },
  face_blurred: { status: 422, title: 'The face to enrol is blurred' },
  face_profile: { status: 422, title: 'The face to enrol is in profile' },
  face_tilted: { status: 422, title: 'The face to enrol looks up or down' },
  face_low_norm: { status: 422, title: 'What is to be enrolled is hardly a face' },
  face_unlike: { status: 422, title: "The face is unlike the person's other photos", sqlstate: 'WP033' },
  face_of_another: { status: 422, title: 'The face looks like another enrolled person', sqlstate: 'WP034' },
  face_taken: { status: 409, title: "The face is somebody's photo already", sqlstate: 'WP035' },
  photo_removed: { status: 409, title: 'The photo was taken back', sqlstate: 'WP039' },

  threshold_invalid: { status: 422, title: 'The threshold is not one', sqlstate: 'WP030' },
  validity_invalid: { status: 422, title: 'The list would never be valid', sqlstate: 'WP031' },
  watchlist_expired: { status: 409, title: 'The list has ended', sqlstate: 'WP032' },

  file_unreadable: { status: 422, title: 'A file or folder can not be read' },
  import_invalid: { status: 422, title: 'The file to import is not what it should be' },
  folder_not_empty: { status: 409, title: 'The folder to export to is not empty' },

  alert_unknown: { status: 404, title: 'There is no such alert', sqlstate: 'WP050' },
  transition_invalid: {
    status: 409,
    title: 'The alert can not go there from where it is',
    sqlstate: 'WP051',
  },
  reviewer_repeated: { status: 409, title: 'The second reviewer must be another one', sqlstate: 'WP052' },
  dismissal_invalid: { status: 400, title: 'That is no reason to dismiss an alert', sqlstate: 'WP055' },
  streams_full: { status: 503, title: 'As many streams are open as may be' },
  endpoint_unknown: { status: 404, title: 'There is no such endpoint', sqlstate: 'WP053' },
  url_invalid: { status: 422, title: 'Nothing can be sent to this URL', sqlstate: 'WP054' },
  delivery_failed: { status: 502, title: 'The endpoint did not take the message' },

  folder_invalid: { status: 422, title: 'The folder is not a labelled folder' },
  calibration_unknown: { status: 404, title: 'There is no such calibration' },
  calibration_missing: { status: 422, title: 'No calibration can tell', sqlstate: 'WP045' },
  target_fpir_invalid: { status: 422, title: 'The false-positive rate is not one', sqlstate: 'WP046' },
  calibration_impossible: { status: 422, title: 'There is too little to measure', sqlstate: 'WP047' },

  payload_invalid: { status: 400, title: 'The payload is not what this task takes' },
  row_missing: { status: 410, title: 'A row that the task needs is gone' },
  worker_lost: { status: 500, title: 'Every worker that took it up died' },
  backlog_full: { status: 429, title: 'Too much is waiting to be processed' },
  model_missing: { status: 503, title: 'A model is not installed' },
  model_hash_mismatch: { status: 503, title: 'A model file is not the one it should be' },
  model_unfit: { status: 503, title: 'A model file cannot be used' },
  schema_missing: { status: 503, title: 'The database has no schema of Watchpost' },
  database_unavailable: { status: 503, title: 'The database can not be reached' },
  internal: { status: 500, title: 'Something went wrong in the server' },
} as const satisfies Record<string, { status: number; title: string; sqlstate?: string }>;

export type ProblemCode = keyof typeof problems;

const codeOfSqlstate = new Map(
  Object.entries(problems).flatMap(([code, problem]) =>
    'sqlstate' in problem ? [[problem.sqlstate as string, code as ProblemCode]] : [],
  ),
);

/** An error with a code of the table above and a sentence for the person who has to act on it. */
export class WatchpostError extends Error {
  override readonly name = 'WatchpostError';
  readonly code: ProblemCode;
  /** What to do about it, if that is not plain from the message. */
  readonly hint: string | undefined;

  constructor(
    code: ProblemCode,
    message: string,
    options: { hint?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.hint = options.hint;
  }
}

/** The program can not do what it was told; the message says what to do about it. Shown without a stack. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

interface DatabaseError {
  code: string;
  message: string;
  hint?: string;
  table?: string;
  constraint?: string;
}

const isCoded = (error: unknown): error is DatabaseError =>
  error instanceof Error && 'code' in error && typeof error.code === 'string';

/**
 * Whether the database could not do it now, whatever it was asked: it could not be reached (connection refused or lost,
 * or the server shutting down), it has no room, memory or connection left (53), its disk fails (58030), or it has cut off
 * a transaction that was left open (25P03).
 */
export const isDatabaseAway = (error: unknown): boolean =>
  (isCoded(error) &&
    (/^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN)/.test(error.code) ||
      error.code.startsWith('08') ||
      ['25P03', '53100', '53200', '53300', '57P01', '57P02', '57P03', '58030'].includes(error.code))) ||
  (error instanceof Error &&
    /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client (has encountered|was closed))/.test(
      error.message,
    ));

/** Whether two transactions were in each other's way and this one was broken off: a deadlock, or no serial order. */
export const isCollision = (error: unknown): boolean =>
  isCoded(error) && ['40P01', '40001'].includes(error.code);

/**
 * SQLSTATEs of a value that Postgres can not take: text that is no number, time or UUID, what is out of a type's range or
 * longer than an index can hold, characters it can not store, and what a CHECK refuses.
 */
const valueStates = new Set([
  '22001',
  '22003',
  '22007',
  '22008',
  '22009',
  '2200F',
  '22021',
  '22P02',
  '22P03',
  '22P05',
  '23514',
  '54000',
]);

/** SQLSTATEs of a row that is gone, or there, since it was looked for: foreign keys, unique keys, exclusion. */
const meanwhileStates = new Set(['23503', '23505', '23P01']);

/**
 * Any thrown value as a WatchpostError. Errors of the vision code and of the database functions keep their code and
 * sentence; whatever is not known becomes `internal`, with the cause attached and not shown.
 */
export const toWatchpostError = (error: unknown): WatchpostError => {
  if (error instanceof WatchpostError) return error;
  if (error instanceof VisionError) return new WatchpostError(error.code, error.message, { cause: error });
  if (isCoded(error)) {
    const code = codeOfSqlstate.get(error.code);
    if (code) return new WatchpostError(code, error.message, { hint: error.hint ?? undefined, cause: error });
  }
  if (isCoded(error) && ['3F000', '42P01'].includes(error.code) && error.message.includes('watchpost')) {
    return new WatchpostError(
      'schema_missing',
      'The database has no schema of Watchpost, or a part of it is gone.',
      {
        hint: 'Run "watchpost migrate".',
        cause: error,
      },
    );
  }
  if (isCoded(error) && error.code === '23514') {
    const violation = violationOf(error.table ?? '', error.constraint ?? '');
    if (violation) return new WatchpostError(violation.code, violation.sentence, { cause: error });
  }
  if (isCoded(error) && valueStates.has(error.code)) {
    return new WatchpostError('value_invalid', 'A value is out of the range that the database can hold.', {
      cause: error,
    });
  }
  if (isCoded(error) && (meanwhileStates.has(error.code) || isCollision(error))) {
    return new WatchpostError(
      'changed_meanwhile',
      'Something that the call names was changed or removed meanwhile.',
      {
        hint: 'Read it again, and call again.',
        cause: error,
      },
    );
  }
  if (isDatabaseAway(error)) {
    return new WatchpostError('database_unavailable', 'The database can not be reached.', { cause: error });
  }
  return new WatchpostError('internal', 'Something went wrong in the server; its log tells more.', {
    cause: error,
  });
};
