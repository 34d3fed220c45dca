import { violationOf } from './violations.ts';
import { VisionError } from './vision/errors.ts';

/** One kind of error. */
interface Problem {
  readonly status: number;
  /** The same sentence for every error with this code. */
  readonly title: string;
  /** The SQLSTATE by which database functions report it. */
  readonly sqlstate?: string;
  /**
   * How a job ends that meets this error. `gone`: what the event is about was deleted or removed before it was handled, so
   * nothing is left to do, and nothing is wrong. `refused`: the error is an answer about the input, which will be the same
   * however often it is asked, and no failure of the system: it is recorded with the photo or message it is about and is
   * no dead letter. `failed`: a dead letter at once. Without this it is retried, and fails after the last attempt.
   */
  readonly ends?: 'gone' | 'refused' | 'failed';
}

/** Every error that is reported to users, by its stable code. */
export const problems = {
  body_empty: { status: 400, title: 'The body is empty', sqlstate: 'WP001' },
  body_invalid: { status: 400, title: 'The body is not valid for this call' },
  query_invalid: { status: 400, title: 'The query is not valid for this call' },
  field_repeated: { status: 400, title: 'A field is given more than once' },
  header_invalid: { status: 400, title: 'A header is not valid for this call' },
  body_too_large: { status: 413, title: 'The body is too large', sqlstate: 'WP070' },
  body_too_slow: { status: 408, title: 'The call did not arrive in time' },
  server_busy: { status: 503, title: 'The server is handling too many request bodies' },
  request_malformed: { status: 400, title: 'The call is not HTTP' },
  media_type_unsupported: { status: 415, title: 'This call does not accept the content type of the body' },
  id_invalid: { status: 400, title: 'The id is not a UUID' },
  name_invalid: { status: 422, title: 'The name is not valid' },
  token_invalid: { status: 422, title: 'The reference or key is not valid', sqlstate: 'WP072' },
  text_too_long: { status: 422, title: 'The text is too long', sqlstate: 'WP073' },
  metadata_invalid: { status: 422, title: 'The metadata is too large or nested too deeply' },
  time_invalid: { status: 422, title: 'The time is out of range', sqlstate: 'WP071' },
  interval_invalid: { status: 422, title: 'The interval is out of range' },
  changed_meanwhile: { status: 409, title: 'A row of this call was changed or removed meanwhile' },
  value_invalid: { status: 422, title: 'The database cannot store a value' },
  key_missing: { status: 401, title: 'The API key is missing' },
  key_invalid: { status: 401, title: 'The API key is wrong or revoked' },
  scope_missing: { status: 403, title: 'The API key may not do this' },
  route_unknown: { status: 404, title: 'There is nothing at this address' },
  image_unknown: { status: 404, title: 'There is no such image' },
  face_unknown: { status: 404, title: 'There is no such face', sqlstate: 'WP037' },
  person_unknown: { status: 404, title: 'There is no such person', sqlstate: 'WP004' },
  merge_self: { status: 422, title: 'Nobody can be merged with themselves', sqlstate: 'WP083' },
  merge_refused: { status: 409, title: 'These two are known to be two people', sqlstate: 'WP080' },
  merge_missing: { status: 409, title: 'The person is not merged into anybody', sqlstate: 'WP082' },
  merge_not_latest: { status: 409, title: 'Another merge came later', sqlstate: 'WP084' },
  person_merged: { status: 409, title: 'The person was merged into another', sqlstate: 'WP081' },
  watchlist_unknown: { status: 404, title: 'There is no such watchlist', sqlstate: 'WP062' },
  stranger_unknown: { status: 404, title: 'There is no such stranger', sqlstate: 'WP060' },
  stranger_named: { status: 409, title: 'The stranger is a person already', sqlstate: 'WP061' },
  strangers_invalid: {
    status: 400,
    title: 'Strangers cannot be grouped with these settings',
    sqlstate: 'WP063',
  },
  photo_unknown: { status: 404, title: 'There is no such photo of a person', sqlstate: 'WP038' },
  task_unknown: { status: 404, title: 'There is no such task', sqlstate: 'WP065' },
  dead_letter_unknown: { status: 404, title: 'There is no such dead letter', sqlstate: 'WP007' },
  event_unknown: { status: 404, title: 'There is no event with this payload for this task' },
  camera_unknown: { status: 422, title: 'There is no such camera', sqlstate: 'WP002' },
  camera_not_there: { status: 404, title: 'There is no camera at this address' },
  camera_in_use: { status: 409, title: 'The camera has taken photos', sqlstate: 'WP010' },
  evidence_kept: { status: 409, title: 'An alert rests on it', sqlstate: 'WP023' },
  cannot_link_self: { status: 422, title: 'A person cannot be ruled out as themselves', sqlstate: 'WP040' },
  match_ruled_out: { status: 409, title: 'A cannot_link rules this match out', sqlstate: 'WP041' },
  name_taken: { status: 409, title: 'The name or reference is taken' },
  idempotency_key_reused: {
    status: 409,
    title: 'The idempotency key belongs to another call',
    sqlstate: 'WP003',
  },
  answer_shown_once: { status: 409, title: 'The answer to this call is shown once' },
  record_append_only: { status: 409, title: 'The record cannot be changed', sqlstate: 'WP020' },
  record_behind: { status: 500, title: 'The server is behind its own seals', sqlstate: 'WP022' },
  model_conflict: {
    status: 500,
    title: 'The model is registered with other weights',
    sqlstate: 'WP005',
  },

  describe_off: { status: 409, title: 'Age and gender are not estimated here', sqlstate: 'WP066' },

  image_empty: { status: 400, title: 'The photo is empty', ends: 'refused' },
  image_format_unsupported: {
    status: 415,
    title: 'The file is not a photo in a format that is read',
    ends: 'refused',
  },
  image_animated: { status: 415, title: 'The photo is animated', ends: 'refused' },
  image_too_many_pixels: { status: 422, title: 'The photo has too many pixels', ends: 'refused' },
  image_too_long: { status: 422, title: 'A side of the photo is too long', ends: 'refused' },
  image_too_narrow: { status: 422, title: 'The photo is too narrow', ends: 'refused' },
  image_too_costly: { status: 422, title: 'Decoding the photo would cost too much', ends: 'refused' },
  image_too_slow: { status: 422, title: 'The photo took too long to decode', ends: 'refused' },
  image_corrupt: { status: 422, title: 'The photo cannot be decoded', ends: 'refused' },
  image_bytes_gone: { status: 410, title: 'The bytes of the photo were dropped', ends: 'refused' },
  image_unchangeable: { status: 409, title: 'A stored photo cannot be changed', sqlstate: 'WP008' },

  face_missing: { status: 422, title: 'The photo to enrol has no face', ends: 'refused' },
  faces_several: {
    status: 422,
    title: 'The photo to enrol has several faces',
    ends: 'refused',
    sqlstate: 'WP036',
  },
  face_not_there: { status: 422, title: 'The photo to enrol has no face of that number', ends: 'refused' },
  face_small: { status: 422, title: 'The face to enrol is too small', ends: 'refused' },
  face_low_score: { status: 422, title: 'The detector is not sure of the face to enrol', ends: 'refused' },
  face_blurred: { status: 422, title: 'The face to enrol is blurred', ends: 'refused' },
  face_profile: { status: 422, title: 'The face to enrol is in profile', ends: 'refused' },
  face_tilted: { status: 422, title: 'The face to enrol looks up or down', ends: 'refused' },
  face_low_norm: { status: 422, title: 'The face to enrol is probably not a face', ends: 'refused' },
  face_unlike: {
    status: 422,
    title: "The face is unlike the person's other photos",
    ends: 'refused',
    sqlstate: 'WP033',
  },
  face_of_another: {
    status: 422,
    title: 'The face looks like another enrolled person',
    ends: 'refused',
    sqlstate: 'WP034',
  },
  face_taken: { status: 409, title: 'The face is already a photo of a person', sqlstate: 'WP035' },
  photo_removed: { status: 409, title: 'The photo was removed', ends: 'gone', sqlstate: 'WP039' },

  threshold_invalid: { status: 422, title: 'The threshold is not valid', sqlstate: 'WP030' },
  validity_invalid: { status: 422, title: 'The list would never be valid', sqlstate: 'WP031' },
  watchlist_expired: { status: 409, title: 'The list has ended', sqlstate: 'WP032' },

  file_unreadable: { status: 422, title: 'A file or folder cannot be read' },
  import_invalid: { status: 422, title: 'The file to import is not valid' },
  folder_not_empty: { status: 409, title: 'The folder to export to is not empty' },

  alert_unknown: { status: 404, title: 'There is no such alert', sqlstate: 'WP050' },
  transition_invalid: {
    status: 409,
    title: 'The alert does not allow this in its state',
    sqlstate: 'WP051',
  },
  reviewer_repeated: { status: 409, title: 'The second reviewer must be another person', sqlstate: 'WP052' },
  dismissal_invalid: { status: 400, title: 'This is not a reason to dismiss an alert', sqlstate: 'WP055' },
  undo_refused: { status: 409, title: 'The last review cannot be undone', sqlstate: 'WP056' },
  streams_full: { status: 503, title: 'Too many streams are open' },
  endpoint_unknown: { status: 404, title: 'There is no such endpoint', sqlstate: 'WP053' },
  url_invalid: { status: 422, title: 'Messages cannot be sent to this URL', sqlstate: 'WP054' },
  delivery_failed: { status: 502, title: 'The endpoint did not accept the message' },

  folder_invalid: { status: 422, title: 'The folder is not a labelled folder' },
  calibration_unknown: { status: 404, title: 'There is no such calibration' },
  calibration_missing: {
    status: 422,
    title: 'There is no calibration that can answer this',
    sqlstate: 'WP045',
  },
  target_fpir_invalid: { status: 422, title: 'The false-positive rate is not valid', sqlstate: 'WP046' },
  calibration_impossible: { status: 422, title: 'There is too little to measure', sqlstate: 'WP047' },

  payload_invalid: { status: 400, title: 'The payload is not valid for this task', ends: 'failed' },
  row_missing: { status: 410, title: 'What the event is about was deleted', ends: 'gone', sqlstate: 'WP009' },
  worker_lost: { status: 500, title: 'Every worker that ran the job died' },
  backlog_full: { status: 429, title: 'Too much is waiting to be processed' },
  model_missing: { status: 503, title: 'A model is not installed' },
  model_hash_mismatch: { status: 503, title: 'A model file is not the one it should be' },
  model_unfit: { status: 503, title: 'A model file cannot be used' },
  schema_missing: { status: 503, title: 'The database has no schema of Watchpost' },
  schema_incomplete: { status: 503, title: 'A part of the database is missing' },
  database_unavailable: { status: 503, title: 'The database cannot be reached' },
  internal: { status: 500, title: 'Something went wrong in the server' },
} as const satisfies Record<string, Problem>;

export type ProblemCode = keyof typeof problems;

const codeOfSqlstate = new Map(
  Object.entries(problems).flatMap(([code, problem]) =>
    'sqlstate' in problem ? [[problem.sqlstate as string, code as ProblemCode]] : [],
  ),
);

/** How a job ends that meets an error with this code; undefined: it is retried. */
export const endOf = (code: ProblemCode): Problem['ends'] => (problems[code] as Problem).ends;

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

/** The program cannot do what was asked; the message says what to do about it. Shown without a stack. */
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

/** What is wrong with a file or folder that was named, by the code of the system's error. */
const fileProblems: Record<string, string> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of its path is not a folder',
  EISDIR: 'it is a folder',
  EACCES: 'this user may not open it',
  EPERM: 'this user may not open it',
  EROFS: 'it is on a disk that can only be read',
  EEXIST: 'there is something of that name already',
  ENAMETOOLONG: 'its name is too long',
  ELOOP: 'it is a link that leads back to itself',
  ENOTEMPTY: 'the folder is not empty',
  ENOSPC: 'the disk is full',
  EMFILE: 'too many files are open',
  EBUSY: 'it is in use',
};

/** Why a file or folder cannot be used, as the end of a sentence; undefined if the error is not one of the file system. */
export const whyUnusableFile = (error: unknown): string | undefined =>
  isCoded(error) && 'syscall' in error ? fileProblems[error.code] : undefined;

/** SQLSTATE of a write that a server refused because it is in recovery, as a replica is, or set to read-only. */
export const readOnlyState = '25006';

const awayStates = [
  readOnlyState,
  '25P03',
  '53100',
  '53200',
  '53300',
  '57P01',
  '57P02',
  '57P03',
  '57P05',
  '58030',
];

/** What to say, and what to do, where the server answers and has no room. */
const awaySentences: Record<string, readonly [sentence: string, hint: string]> = {
  '53100': ['The disk of the database is full.', 'Free some of it, or give it a larger one.'],
  '53200': ['The database has no memory left.', 'See the log of its server.'],
  '53300': [
    'The database has no connection left.',
    'Run fewer processes (one uses up to 15 connections), or raise max_connections of the server or the limit of the role.',
  ],
};

/** The line of the log about a database that refuses everything now. */
export const describeAway = (error: unknown): string => {
  const sentence = isCoded(error) ? awaySentences[error.code]?.[0] : undefined;
  return sentence
    ? `${sentence.charAt(0).toLowerCase()}${sentence.slice(1, -1)}; trying again`
    : 'the database is away; trying again until it is back';
};

/**
 * Whether the database could not execute any statement now: it could not be reached (no route, connection refused
 * or lost, or the server starting or shutting down), it takes no writes (25006), it has no room, memory or connection left
 * (53), its disk fails (58030), or it has cut off a session or a transaction that was left open (57P05, 25P03).
 */
export const isDatabaseAway = (error: unknown): boolean =>
  (isCoded(error) &&
    (/^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_AGAIN)/.test(error.code) ||
      error.code.startsWith('08') ||
      awayStates.includes(error.code))) ||
  (error instanceof Error &&
    /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client (has encountered|was closed))/.test(
      error.message,
    ));

/** Whether a statement was given up because its answer took longer than the pool allows: see `openDatabase`. */
export const isGivenUp = (error: unknown): boolean =>
  error instanceof Error && error.message === 'Query read timeout';

/** Whether the transaction was aborted in favour of a concurrent one: a deadlock or a serialization failure. */
export const isCollision = (error: unknown): boolean =>
  isCoded(error) && ['40P01', '40001'].includes(error.code);

/** Whether a row that is to be written refers to one that was deleted (SQLSTATE 23503). */
export const isOrphan = (error: unknown): boolean => isCoded(error) && error.code === '23503';

/**
 * SQLSTATEs of a value that Postgres cannot store: text that is not a number, time or UUID, values out of a type's
 * range or longer than an index allows, characters that cannot be stored, and values that a CHECK refuses.
 */
const valueStates = new Set([
  '22001',
  '22003',
  '22007',
  '22008',
  '22009',
  '22015',
  '2200F',
  '22021',
  '22P02',
  '22P03',
  '22P05',
  '23514',
  '54000',
]);

/**
 * SQLSTATEs of a row that another transaction has removed or added meanwhile: foreign keys, unique keys, exclusion.
 */
const meanwhileStates = new Set(['23503', '23505', '23P01']);

/**
 * Converts any thrown value. Errors of the vision code and of the database functions keep their code and message; an
 * unknown error becomes `internal`, with the original as its cause, whose message is not shown.
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
  if (isCoded(error) && error.code === readOnlyState) {
    return new WatchpostError('database_unavailable', 'The database takes no writes now.', {
      hint: 'Its server is in recovery, or set to read-only: wait for its promotion, or set DATABASE_URL to the primary.',
      cause: error,
    });
  }
  if (isGivenUp(error)) {
    return new WatchpostError(
      'database_unavailable',
      'The database did not answer in time; the statement was given up and cancelled.',
      { hint: 'It is overloaded, locked or cut off. Call again, and ask for less at a time.', cause: error },
    );
  }
  if (isCoded(error) && awaySentences[error.code]) {
    const [sentence = '', hint] = awaySentences[error.code] ?? [];
    return new WatchpostError('database_unavailable', sentence, { hint, cause: error });
  }
  if (isDatabaseAway(error)) {
    return new WatchpostError('database_unavailable', 'The database cannot be reached.', { cause: error });
  }
  return new WatchpostError('internal', 'Something went wrong in the server; see its log.', {
    cause: error,
  });
};
