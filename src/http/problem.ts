import type { Context, ErrorHandler, NotFoundHandler } from 'hono';
import { problems, toWatchpostError, WatchpostError } from '../errors.ts';
import type { Log } from '../log.ts';

/**
 * An error as RFC 9457 problem details: `code` is the stable name of the kind, `detail` the sentence for this case,
 * `hint` what to do about it.
 */
const respond = (c: Context, error: WatchpostError): Response => {
  const { status, title } = problems[error.code];
  const body = {
    type: `urn:watchpost:problem:${error.code.replaceAll('_', '-')}`,
    title,
    status,
    code: error.code,
    detail: error.message,
    ...(error.hint ? { hint: error.hint } : {}),
    instance: c.req.path,
  };
  if (status === 503 || status === 429) c.header('Retry-After', '5');
  // The rest of the body is not read, so the connection can not carry another call.
  if (status === 413) c.header('Connection', 'close');
  if (status === 401) c.header('WWW-Authenticate', 'Bearer realm="watchpost"');
  return c.body(JSON.stringify(body), status, { 'content-type': 'application/problem+json' });
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
    return respond(c, error);
  };

/** Answers calls to addresses that nothing answers to. */
export const unknownRoute: NotFoundHandler = (c) =>
  respond(c, new WatchpostError('route_unknown', `${c.req.method} ${c.req.path} is not part of this API.`));
