import { WatchpostError } from '../errors.ts';

/** Whether a unique index refused a row (SQLSTATE 23505). */
const isUniqueViolation = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === '23505';

/**
 * Waits for an INSERT or UPDATE of a column that must be unique.
 *
 * @param what the value as the subject of the error message, for example `The camera name "gate"`.
 * @throws {WatchpostError} name_taken if another row has the value.
 */
export const orNameTaken = async <T>(what: string, change: Promise<T>): Promise<T> => {
  try {
    return await change;
  } catch (error) {
    if (isUniqueViolation(error))
      throw new WatchpostError('name_taken', `${what} is taken.`, { cause: error });
    throw error;
  }
};
