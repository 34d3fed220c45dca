import { isCollision, isDatabaseAway } from '../database-errors.ts';
import type { Database } from './pool.ts';

/** Milliseconds before the first and before later attempts. */
const pauses = { first: 100, longest: 2_000 };

/**
 * Attempts at most while the rest of the process does reach the database: then it is the statement that fails and not
 * the database, for example because it takes longer than the limit for an answer.
 */
const mostAlone = 8;

/** Milliseconds for which a process that starts waits for a database that starts, or recovers, at the same time. */
const startWithin = 60_000;

/**
 * Runs a step of a process's start, and retries it while the database is away.
 *
 * @throws the last failure, when it has been away for a minute.
 */
export const waitForDatabase = <T>(database: Database, attempt: () => Promise<T>): Promise<T> => {
  const until = Date.now() + startWithin;
  return retryWhileAway(database, () => Date.now() > until, attempt);
};

/**
 * Repeats something until the database could be reached for it. An outage does not count as a failure of the
 * item: it would use up an attempt, and five short outages would make dead letters of good photos.
 *
 * @param giveUp asked after a failure: whether to throw it rather than to try again.
 * @param attempt called with whether it is a later attempt: an earlier one may have been committed although its answer
 *   was lost.
 * @throws the last failure, if it is not of the database, or was to be given up.
 */
export const retryWhileAway = async <T>(
  database: Database,
  giveUp: () => boolean,
  attempt: (again: boolean) => Promise<T>,
): Promise<T> => {
  let pause = pauses.first;
  for (let tries = 1; ; tries++) {
    try {
      const result = await attempt(tries > 1);
      if (tries > 1) database.outage.over();
      return result;
    } catch (error) {
      if (giveUp() || !isDatabaseAway(error)) throw error;
      if (tries >= mostAlone && !database.outage.away) throw error;
      database.outage.noticed(error);
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 2, pauses.longest);
  }
};

/** Attempts at a transaction that Postgres aborts in favour of a concurrent one. */
const mostCollisions = 5;

/**
 * Runs a transaction, or a statement of its own, and repeats it if Postgres has aborted it because of a deadlock or a
 * serialization failure: the transaction in whose favour that was is over by then.
 *
 * @throws the last failure, after five attempts, or any other at once.
 */
export const retryCollisions = async <T>(
  attempt: () => Promise<T>,
  attempts: number = mostCollisions,
): Promise<T> => {
  try {
    return await attempt();
  } catch (error) {
    if (!isCollision(error) || attempts <= 1) throw error;
    return retryCollisions(attempt, attempts - 1);
  }
};
