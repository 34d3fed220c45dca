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
  legal_basis_invalid: { status: 422, title: 'There is no such legal basis' },
  purpose_missing: { status: 422, title: 'The purpose is missing' },
  retention_invalid: { status: 422, title: 'Nothing can be kept by this rule', sqlstate: 'WP150' },
  changed_meanwhile: { status: 409, title: 'A row of this call was changed or removed meanwhile' },
  value_invalid: { status: 422, title: 'The database cannot store a value' },
  key_missing: { status: 401, title: 'The API key is missing' },
  key_invalid: { status: 401, title: 'The API key is wrong, revoked or expired' },
  oidc_off: { status: 404, title: 'OpenID Connect is not set up' },
  session_missing: { status: 401, title: 'Nobody is logged in, or the session has ended' },
  csrf_invalid: { status: 403, title: 'The call does not come from the page that is logged in' },
  rate_limited: { status: 429, title: 'The API key has used up its calls of this minute' },
  key_unknown: { status: 404, title: 'There is no such API key', sqlstate: 'WP130' },
  key_ended: { status: 409, title: 'The API key was revoked or has expired', sqlstate: 'WP131' },
  key_beyond_own: { status: 403, title: 'A key cannot give rights that it does not have', sqlstate: 'WP132' },
  scope_unknown: { status: 422, title: 'There is no such scope', sqlstate: 'WP133' },
  camera_required: { status: 422, title: 'The API key is bound to cameras', sqlstate: 'WP134' },
  watchlist_required: { status: 422, title: 'The API key is bound to watchlists', sqlstate: 'WP135' },
  limit_invalid: { status: 422, title: 'The limit is out of range' },
  site_limited: {
    status: 403,
    title: 'This is of all sites, and the caller does not see them',
    sqlstate: 'WP151',
  },
  bridge_unknown: { status: 404, title: 'There is no such bridge', sqlstate: 'WP170' },
  bridge_invalid: { status: 422, title: 'The bridge cannot be used', sqlstate: 'WP171' },
  scope_missing: { status: 403, title: 'The API key may not do this' },
  metrics_local: { status: 403, title: 'The metrics are read on this machine only' },
  host_refused: { status: 421, title: 'The server is not called by this name' },
  route_unknown: { status: 404, title: 'There is nothing at this address' },
  image_unknown: { status: 404, title: 'There is no such image', sqlstate: 'WP090' },
  track_unknown: { status: 404, title: 'There is no such track' },
  sighting_unknown: { status: 404, title: 'There is no such sighting' },
  search_unknown: { status: 404, title: 'There is no such search' },
  face_unknown: { status: 404, title: 'There is no such face', sqlstate: 'WP037' },
  person_unknown: { status: 404, title: 'There is no such person', sqlstate: 'WP004' },
  merge_unknown: { status: 404, title: 'There is no such merge' },
  merge_self: { status: 422, title: 'Nobody can be merged with themselves', sqlstate: 'WP083' },
  merge_refused: { status: 409, title: 'These two are known to be two people', sqlstate: 'WP080' },
  merge_missing: { status: 409, title: 'The person is not merged into anybody', sqlstate: 'WP082' },
  merge_not_latest: { status: 409, title: 'Another merge came later', sqlstate: 'WP084' },
  person_merged: { status: 409, title: 'The person was merged into another', sqlstate: 'WP081' },
  watchlist_unknown: { status: 404, title: 'There is no such watchlist', sqlstate: 'WP062' },
  stranger_unknown: { status: 404, title: 'There is no such stranger', sqlstate: 'WP060' },
  stranger_alert_unknown: {
    status: 404,
    title: 'There is no such alert about a stranger',
    sqlstate: 'WP067',
  },
  stranger_rule_unknown: { status: 404, title: 'There is no such rule about strangers' },
  time_zone_unknown: { status: 422, title: 'There is no such time zone', sqlstate: 'WP064' },
  stranger_named: { status: 409, title: 'The stranger is a person already', sqlstate: 'WP061' },
  strangers_invalid: {
    status: 400,
    title: 'Strangers cannot be grouped with these settings',
    sqlstate: 'WP063',
  },
  photo_unknown: { status: 404, title: 'There is no such photo of a person', sqlstate: 'WP038' },
  task_unknown: { status: 404, title: 'There is no such task', sqlstate: 'WP065' },
  worker_unknown: { status: 404, title: 'There is no such worker' },
  dead_letter_unknown: { status: 404, title: 'There is no such dead letter', sqlstate: 'WP007' },
  event_unknown: { status: 404, title: 'There is no such event' },
  site_unknown: { status: 404, title: 'There is no such site', sqlstate: 'WP024' },
  site_fixed: { status: 409, title: 'The site cannot be changed', sqlstate: 'WP025' },
  site_in_use: { status: 409, title: 'Something belongs to the site', sqlstate: 'WP026' },
  role_unknown: { status: 404, title: 'The server has no such user or role' },
  right_missing: { status: 403, title: 'This is for others to change' },
  camera_unknown: { status: 422, title: 'There is no such camera', sqlstate: 'WP002' },
  camera_not_there: { status: 404, title: 'There is no camera at this address' },
  zone_unknown: { status: 422, title: 'There is no such zone', sqlstate: 'WP027' },
  plan_unknown: { status: 404, title: 'There is no such plan' },
  camera_in_use: {
    status: 409,
    title: 'The camera has taken photos, or a list is for it',
    sqlstate: 'WP010',
  },
  evidence_unsealed: { status: 409, title: 'The evidence cannot be sealed now' },
  evidence_kept: { status: 409, title: 'An alert rests on it', sqlstate: 'WP023' },
  cannot_link_self: { status: 422, title: 'A person cannot be ruled out as themselves', sqlstate: 'WP040' },
  cannot_link_unknown: { status: 404, title: 'There is no such cannot-link' },
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

  search_busy: { status: 503, title: 'Too many photos are being searched' },
  vectors_kept: { status: 403, title: 'Vectors do not leave this installation' },
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
  encryption_key_missing: { status: 503, title: 'The key of encrypted photos is not configured here' },
  encryption_key_destroyed: {
    status: 410,
    title: 'The key of the photo was destroyed',
    ends: 'refused',
    sqlstate: 'WP092',
  },
  stored_bytes_altered: { status: 500, title: 'The stored photo was altered', ends: 'refused' },
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
  delivery_unknown: { status: 404, title: 'There is no such delivery' },
  endpoint_unknown: { status: 404, title: 'There is no such endpoint', sqlstate: 'WP053' },
  url_invalid: { status: 422, title: 'This URL cannot be used', sqlstate: 'WP054' },
  settings_invalid: {
    status: 422,
    title: 'The settings are not those of this kind of endpoint',
    sqlstate: 'WP160',
  },
  credential_invalid: {
    status: 422,
    title: 'The credential is missing or too long',
    sqlstate: 'WP161',
  },
  template_invalid: { status: 422, title: 'The template cannot be used', sqlstate: 'WP162' },
  link_invalid: { status: 404, title: 'This link leads nowhere' },
  link_expired: { status: 410, title: 'The link has expired' },
  address_refused: { status: 422, title: 'This address may not be called', sqlstate: 'WP110' },
  photo_url_off: { status: 403, title: 'Photos are not fetched by URL here' },
  photo_url_failed: { status: 502, title: 'The photo could not be fetched' },
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

/** How a job ends that meets an error with this code; undefined: it is retried. */
export const endOf = (code: ProblemCode): Problem['ends'] => (problems[code] as Problem).ends;

/** An error with a code of the table above and a sentence for the person who has to act on it. */
export class WatchpostError extends Error {
  override readonly name = 'WatchpostError';
  readonly code: ProblemCode;
  /** What to do about it, if that is not plain from the message. */
  readonly hint: string | undefined;
  /** Seconds after which it may go better, where they are known. */
  readonly retryAfter: number | undefined;

  constructor(
    code: ProblemCode,
    message: string,
    options: { hint?: string | undefined; cause?: unknown; retryAfter?: number } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.hint = options.hint;
    this.retryAfter = options.retryAfter;
  }
}

/** The program cannot do what was asked; the message says what to do about it. Shown without a stack. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}
