import type { Context, ErrorHandler, NotFoundHandler } from 'hono';
import { toWatchpostError } from '../convert-error.ts';
import { type ProblemCode, problems, WatchpostError } from '../errors.ts';
import type { Log } from '../log.ts';

/** A text cut at `max` characters. */
export const shortened = (text: string, max: number): string =>
  text.length > max ? `${text.slice(0, max).toWellFormed()}…` : text;

/** Most characters of a detail or hint: a hint may list every camera. */
const textMax = 2000;

/**
 * An error as problem details in JSON (RFC 9457): `code` is the stable name of the kind of error, `detail` the sentence for
 * this case, `hint` what to do about it.
 *
 * @param call its path and Request-Id, if there is one.
 */
export const problemBody = (error: WatchpostError, call?: { path: string; requestId: string }): string =>
  JSON.stringify({
    type: `urn:watchpost:problem:${error.code.replaceAll('_', '-')}`,
    title: problems[error.code].title,
    status: problems[error.code].status,
    code: error.code,
    detail: shortened(error.message, textMax),
    ...(error.hint ? { hint: shortened(error.hint, textMax) } : {}),
    ...(call ? { instance: call.path, request_id: call.requestId } : {}),
  });

/** Errors after which the rest of the body is not read, as it is too large or its caller may not send it. */
const bodyUnread = new Set<ProblemCode>([
  'body_too_large',
  'body_too_slow',
  'server_busy',
  'key_missing',
  'key_invalid',
  'session_missing',
  'csrf_invalid',
  'scope_missing',
  'rate_limited',
  'backlog_full',
]);

const hasBody = (c: Context): boolean =>
  Number(c.req.header('content-length') ?? 0) > 0 || c.req.header('transfer-encoding') !== undefined;

const respond = (c: Context, error: WatchpostError): Response => {
  const { status } = problems[error.code];
  if (status === 503 || status === 429) c.header('Retry-After', String(error.retryAfter ?? 5));
  // What is left of the body would be taken for the next call.
  if (bodyUnread.has(error.code) && hasBody(c)) c.header('Connection', 'close');
  if (status === 401) c.header('WWW-Authenticate', 'Bearer realm="watchpost"');
  return c.body(problemBody(error, { path: c.req.path, requestId: c.get('requestId') }), status, {
    'content-type': 'application/problem+json',
  });
};

/** What a line of the log says of the call that it is about. */
const callOf = (c: Context) => ({ method: c.req.method, path: c.req.path, request_id: c.get('requestId') });

/** Answers every error. Unexpected ones are logged with their cause, which the answer does not contain. */
export const problemHandler =
  (log: Log): ErrorHandler =>
  (thrown, c) => {
    const error = toWatchpostError(thrown);
    const { status } = problems[error.code];
    // An outage is logged once, where it is noticed first, and not by each call.
    if (status >= 500 && error.code !== 'database_unavailable') {
      log.error({ ...callOf(c), code: error.code, err: thrown }, error.message);
    }
    // A gap in fields.ts, which should have refused the value with a better message.
    if (error.code === 'value_invalid') {
      log.warn({ ...callOf(c), err: thrown }, 'only the database refused a value');
    }
    return respond(c, error);
  };

/** Answers calls to paths that have no route. */
export const unknownRoute: NotFoundHandler = (c) =>
  respond(c, new WatchpostError('route_unknown', `${c.req.method} ${c.req.path} is not part of this API.`));
