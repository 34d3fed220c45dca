import type { Context } from 'hono';
import { toWatchpostError } from '../../convert-error.ts';
import { type ProblemCode, problems } from '../../errors.ts';
import type { Log } from '../../log.ts';

/** CompreFace's own code for an error, and its status where that is another one than ours. */
const known: Partial<Record<ProblemCode, readonly [code: number, status?: 400 | 404]>> = {
  key_missing: [20],
  key_invalid: [20],
  image_format_unsupported: [21, 400],
  image_animated: [21, 400],
  image_corrupt: [21, 400],
  name_invalid: [26, 400],
  face_missing: [28, 400],
  faces_several: [31, 400],
  body_empty: [34],
  body_invalid: [34],
  query_invalid: [36],
  person_unknown: [42],
  name_taken: [43, 400],
  photo_unknown: [44],
};

/** Answers errors in the form of CompreFace, with our stable code as `error`. */
export const comprefaceProblem = (log: Log) => (thrown: Error, c: Context) => {
  const error = toWatchpostError(thrown);
  const [code, status = problems[error.code].status] = known[error.code] ?? [0];
  if (status >= 500 && error.code !== 'database_unavailable') {
    log.error({ method: c.req.method, path: c.req.path, code: error.code, err: thrown }, error.message);
  }
  if (status === 503 || status === 429) c.header('Retry-After', '5');
  const message = error.hint ? `${error.message} ${error.hint}` : error.message;
  return c.json({ message, code, error: error.code }, status as 400);
};
