import { WatchpostError } from '../errors.ts';

/** Whether a unique index refused it. */
export const isTaken = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === '23505';

/**
 * An insertion or update whose names must be unique.
 *
 * @param what the name, as the sentence of the error begins.
 * @throws {WatchpostError} name_taken.
 */
export const orTaken = async <T>(what: string, change: Promise<T>): Promise<T> => {
  try {
    return await change;
  } catch (error) {
    if (isTaken(error)) throw new WatchpostError('name_taken', `${what} is taken.`, { cause: error });
    throw error;
  }
};
