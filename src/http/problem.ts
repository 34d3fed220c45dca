import type { Context, ErrorHandler, NotFoundHandler } from 'hono';
import { type ProblemCode, problems, toWatchpostError, WatchpostError } from '../errors.ts';
import type { Log } from '../log.ts';

/** Longer words are cut: a hint may list every camera. */
const shortened = (text: string): string =>
  text.length > 2000 ? `${text.slice(0, 2000).toWellFormed()}…` : text;

/**
 * An error as RFC 9457 problem details in JSON: `code` is the stable name of the kind, `detail` the sentence for this case,
 * `hint` what to do about it.
 *
 * @param path of the call, where it is known.
 */
export const problemBody = (error: WatchpostError, path?: string): string =>
  JSON.stringify({
    type: `urn:watchpost:problem:${error.code.replaceAll('_', '-')}`,
    title: problems[error.code].title,
    status: problems[error.code].status,
    code: error.code,
    detail: shortened(error.message),
    ...(error.hint ? { hint: shortened(error.hint) } : {}),
    ...(path === undefined ? {} : { instance: path }),
  });

const leavesBody = new Set<ProblemCode>(['body_too_large', 'body_too_slow', 'server_busy']);

const respond = (c: Context, error: WatchpostError): Response => {
  const { status } = problems[error.code];
  if (status === 503 || status === 429) c.header('Retry-After', '5');
  // The rest of the body is not read, so the connection can not carry another call.
  if (leavesBody.has(error.code)) c.header('Connection', 'close');
  if (status === 401) c.header('WWW-Authenticate', 'Bearer realm="watchpost"');
  return c.body(problemBody(error, c.req.path), status, { 'content-type': 'application/problem+json' });
};

/** Answers every error; what is not foreseen is logged with its cause and told without it. */
export const problemHandler =
  (log: Log): ErrorHandler =>
  (thrown, c) => {
    const error = toWatchpostError(thrown);
    const { status } = problems[error.code];
    // An outage is told once, by whoever notices it first; not again by each call that meets it.
    if (status >= 500 && error.code !== 'database_unavailable') {
      log.error({ method: c.req.method, path: c.req.path, code: error.code, err: thrown }, error.message);
    }
    // The types of the fields should have refused it, with a better sentence.
    if (error.code === 'value_invalid') {
      log.warn({ method: c.req.method, path: c.req.path, err: thrown }, 'only the database refused a value');
    }
    return respond(c, error);
  };

/** Answers calls to addresses that nothing answers to. */
export const unknownRoute: NotFoundHandler = (c) =>
  respond(c, new WatchpostError('route_unknown', `${c.req.method} ${c.req.path} is not part of this API.`));
