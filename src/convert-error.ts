import { type CodedError, isCoded } from './coded-error.ts';
import { awaySentences, isCollision, isDatabaseAway, isGivenUp, readOnlyState } from './database-errors.ts';
import { type ProblemCode, problems, WatchpostError } from './errors.ts';
import { violationOf } from './violations.ts';
import { VisionError } from './vision/errors.ts';

const codeOfSqlstate = new Map(
  Object.entries(problems).flatMap(([code, problem]) =>
    'sqlstate' in problem ? [[problem.sqlstate as string, code as ProblemCode]] : [],
  ),
);

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

/** What a statement was refused for, where its SQLSTATE says that; undefined where it does not. */
const refusalOf = (error: CodedError): WatchpostError | undefined => {
  const cause = error;
  const code = codeOfSqlstate.get(error.code);
  if (code) return new WatchpostError(code, error.message, { hint: error.hint ?? undefined, cause });
  if (error.code === '42501') {
    return new WatchpostError(
      'right_missing',
      'This may be seen, or is of another site, and may not be changed.',
      {
        cause,
      },
    );
  }
  if (['3F000', '42P01'].includes(error.code) && error.message.includes('watchpost')) {
    return new WatchpostError(
      'schema_missing',
      'The database has no schema of Watchpost, or a part of it is gone.',
      { hint: 'Run "watchpost migrate".', cause },
    );
  }
  if (error.code === '23514') {
    const violation = violationOf(error.table ?? '', error.constraint ?? '');
    if (violation) return new WatchpostError(violation.code, violation.sentence, { cause });
  }
  if (valueStates.has(error.code)) {
    return new WatchpostError('value_invalid', 'A value is out of the range that the database can hold.', {
      cause,
    });
  }
  if (meanwhileStates.has(error.code) || isCollision(error)) {
    return new WatchpostError(
      'changed_meanwhile',
      'Something that the call names was changed or removed meanwhile.',
      { hint: 'Read it again, and call again.', cause },
    );
  }
  return undefined;
};

/** Why the database could not execute anything now; undefined if it could. */
const outageOf = (error: unknown): WatchpostError | undefined => {
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
  const [sentence, hint] = (isCoded(error) && awaySentences[error.code]) || [];
  if (sentence) return new WatchpostError('database_unavailable', sentence, { hint, cause: error });
  if (isDatabaseAway(error)) {
    return new WatchpostError('database_unavailable', 'The database cannot be reached.', { cause: error });
  }
  return undefined;
};

/**
 * Converts any thrown value. Errors of the vision code and of the database functions keep their code and message; an
 * unknown error becomes `internal`, with the original as its cause, whose message is not shown.
 */
export const toWatchpostError = (error: unknown): WatchpostError => {
  if (error instanceof WatchpostError) return error;
  if (error instanceof VisionError) return new WatchpostError(error.code, error.message, { cause: error });
  return (
    (isCoded(error) ? refusalOf(error) : undefined) ??
    outageOf(error) ??
    new WatchpostError('internal', 'Something went wrong in the server; see its log.', { cause: error })
  );
};
